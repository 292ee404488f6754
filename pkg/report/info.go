package report

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"
)

// Info is what is known of a run when it begins. Run and Start are required.
type Info struct {
	Run         string // id, such as 20261121T205900Z-3f9a
	Tenant      string // as in the state
	Mode        string // "LIVE" or "SANDBOX"
	ServiceUser string // who is signed in at the service; "" when unknown
	Machine     Machine
	Manifest    ManifestInfo
	PlanDigest  string // SHA-256 of the saved plan that is executed, hex; "" when there is none
	Binary      Binary
	Command     []string          // the command line, program first; without secrets
	Settings    map[string]string // by name, as they apply; without secrets
	Start       time.Time         // its location is the zone shown
	// Separator of the CSV files: ',' (0 means this), ';' or a tab.
	Separator rune
}

// Machine is where a run happens and as whom.
type Machine struct {
	User string `json:"user,omitempty"`
	Host string `json:"host,omitempty"`
	Zone string `json:"zone,omitempty"` // of its clock: "CET, UTC+01:00"
}

// ManifestInfo is what was asked for.
type ManifestInfo struct {
	Path   string `json:"path"`
	Digest string `json:"sha256"`          // over all files read, as package expand makes it
	Files  []File `json:"files,omitempty"` // that were read
}

// File is one file that the manifest consists of.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes,omitempty"`
}

// Binary is the program.
type Binary struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256,omitempty"`
}

// ThisMachine describes the machine at the moment t. What it does not know stays empty.
func ThisMachine(t time.Time) Machine {
	m := Machine{Zone: zone(t)}
	if u, err := user.Current(); err == nil {
		m.User = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		m.Host = h
	}
	return m
}

// zone names the zone of t with its offset: "CET, UTC+01:00".
func zone(t time.Time) string {
	name, _ := t.Zone()
	if offset := t.Format("-07:00"); !strings.HasPrefix(name, "+") && !strings.HasPrefix(name, "-") {
		return name + ", UTC" + offset
	}
	return "UTC" + t.Format("-07:00")
}

// ThisBinary describes the running program: the version given and the digest
// of its file.
func ThisBinary(version string) (Binary, error) {
	b := Binary{Version: version}
	path, err := os.Executable()
	if err != nil {
		return b, fmt.Errorf("find the running program: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return b, fmt.Errorf("digest of the running program: %w", err)
	}
	defer f.Close()
	b.SHA256, err = digest(f)
	return b, err
}

// digest is the SHA-256 of all that r gives, in lower-case hex.
func digest(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (i Info) check() error {
	switch {
	case i.Run == "":
		return errors.New("a run's evidence needs its id")
	case i.Start.IsZero():
		return errors.New("a run's evidence needs the time of its start")
	}
	return checkSeparator(i.Separator)
}

// public are the settings that may be shown: a name that sounds like a secret
// loses its value.
func public(settings map[string]string) map[string]string {
	shown := make(map[string]string, len(settings))
	for name, v := range settings {
		if v != "" && secretName(name) {
			v = "[redacted]"
		}
		shown[name] = v
	}
	return shown
}

func secretName(name string) bool {
	n := strings.ToLower(name)
	for _, word := range []string{"token", "secret", "password", "passwd", "credential", "authorization"} {
		if strings.Contains(n, word) {
			return true
		}
	}
	return false
}
