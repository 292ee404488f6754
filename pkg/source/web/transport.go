package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// errPrivate is the refusal of an address that only this machine or its network
// can reach: a manifest made elsewhere must not fetch what only we can see.
var errPrivate = errors.New("its address leads into a private network")

// transport connects to public addresses alone.
type transport struct {
	direct  *http.Transport
	proxied *http.Transport // for requests that go through a proxy, which looks the name up
	proxy   func(*http.Request) (*url.URL, error)
}

// Transport is what sources share: connections, under the rules for addresses.
type Transport interface {
	http.RoundTripper
	CloseIdleConnections()
}

// NewTransport makes base fit for a [Source]. Unless private is true it refuses
// to connect to this machine and to private networks; what counts is the number
// that a host's name leads to, at each connection. A proxy looks names up by
// itself: there only numbers in addresses are refused, and the proxy itself may
// be anywhere. Base must not be used any more.
func NewTransport(base *http.Transport, private bool) Transport {
	if private {
		return base
	}
	t := &transport{direct: base.Clone(), proxied: base, proxy: base.Proxy}
	t.direct.Proxy = nil
	dialer := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second, ControlContext: refusePrivate}
	t.direct.DialContext = dialer.DialContext
	return t
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.proxy == nil {
		return t.direct.RoundTrip(req)
	}
	proxy, err := t.proxy(req)
	switch {
	case err != nil:
		return nil, errors.New("the address of the proxy is wrong; correct HTTPS_PROXY")
	case proxy == nil:
		return t.direct.RoundTrip(req)
	}
	host := req.URL.Hostname()
	if isLoopback(host) {
		return nil, errPrivate
	}
	if a, err := netip.ParseAddr(strings.TrimSuffix(host, ".")); err == nil && !public(a) || err != nil && isNumber(host) {
		return nil, errPrivate
	}
	return t.proxied.RoundTrip(req)
}

// CloseIdleConnections closes the connections that nobody uses.
func (t *transport) CloseIdleConnections() {
	t.direct.CloseIdleConnections()
	t.proxied.CloseIdleConnections()
}

// refusePrivate is asked with the number that is about to be connected to.
func refusePrivate(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", errPrivate, address)
	}
	if !public(at.Addr()) {
		return errPrivate
	}
	return nil
}

// reserved are the blocks that are not public and that netip has no word for.
// Source: IANA's registries of special-purpose addresses.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // of providers
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b:1::/48"), // translated, of a network's own
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("fec0::/10"),
}

// These hold an IPv4 number: translated ones (NAT64) in the last 32 bits, those
// of 6to4 after the first 16.
var (
	nat64  = netip.MustParsePrefix("64:ff9b::/96")
	sixTo4 = netip.MustParsePrefix("2002::/16")
	v4InV6 = netip.MustParsePrefix("::/96") // long obsolete
)

// public reports whether anybody on the internet can reach a.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	if a.Is6() {
		b := a.As16()
		switch {
		case nat64.Contains(a), v4InV6.Contains(a):
			return public(netip.AddrFrom4([4]byte(b[12:16])))
		case sixTo4.Contains(a):
			return public(netip.AddrFrom4([4]byte(b[2:6])))
		}
	}
	return true
}

// isNumber reports whether programs take a host for an IPv4 number in one of
// its odd forms: 127.1, 2130706433, 0x7f000001. Nobody has a public file there.
// Source: the URL Standard, "ends in a number checker".
func isNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := strings.ToLower(host[strings.LastIndexByte(host, '.')+1:])
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// isLoopback reports whether a host is this machine by its very form.
func isLoopback(host string) bool {
	host = strings.TrimSuffix(host, ".")
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
