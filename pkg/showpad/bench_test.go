package showpad

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkCreateAsset has the round trip of the client beside a bare call of
// net/http in the same run: the difference is what the client costs.
func BenchmarkCreateAsset(b *testing.B) {
	reply := []byte(fixture(b, "asset.json"))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(reply)
	}))
	defer srv.Close()
	fields := fullFields(true)

	b.Run("client", func(b *testing.B) {
		c := newClient(b, nil, func(c *Config) { c.APIURL = srv.URL + "/v4" })
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.CreateAsset(b.Context(), fields); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		tr, err := NewTransport(TransportConfig{})
		if err != nil {
			b.Fatal(err)
		}
		defer tr.CloseIdleConnections()
		hc := &http.Client{Transport: tr}
		b.ReportAllocs()
		for b.Loop() {
			body, err := json.Marshal(fields)
			if err != nil {
				b.Fatal(err)
			}
			resp, err := hc.Post(srv.URL+"/v4/assets", "application/json", bytes.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			var a struct {
				ID string `json:"id"`
			}
			if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	})
}

// BenchmarkDecodeAssets is the answer to a poll: a hundred assets.
func BenchmarkDecodeAssets(b *testing.B) {
	one := bytes.TrimSpace([]byte(fixture(b, "asset.json")))
	page := append([]byte(`{"count":100,"items":[`), bytes.Repeat(append(one, ','), 99)...)
	page = append(append(page, one...), "]}"...)
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		if _, items, err := decodePage[Asset](page); err != nil || len(items) != 100 || items[99].ID == "" {
			b.Fatal(len(items), err)
		}
	}
}

// BenchmarkGate is what passing a gate costs a request that nothing keeps waiting: no
// memory and no timer, also with a rate that is not reached.
func BenchmarkGate(b *testing.B) {
	for name, cfg := range map[string]GateConfig{"free": {}, "rate": {Rate: 1e9}} {
		b.Run(name, func(b *testing.B) {
			g := NewPacedGate(cfg)
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				slot, err := g.Acquire(ctx)
				if err != nil {
					b.Fatal(err)
				}
				at, _ := g.depart()
				g.arrived(at, at, http.StatusOK, &slot)
			}
		})
	}
}
