package main

import (
	"path/filepath"
	"strings"
)

// places are the files that belong to a manifest, beside it and under its name
// without the extension.
type places struct {
	manifest string
	state    string // campaign.state.db
	runs     string // campaign.runs: a folder of evidence for each run
	tenant   string // of a sandbox: the folder of its emulator; "" otherwise
}

// placesOf are the places of the manifest at path. A sandbox has all of its
// own under campaign.sandbox/, and never the real ones; state names another
// state for the real one, "" is the default.
func placesOf(path string, sandbox bool, state string) places {
	stem := path
	if ext := filepath.Ext(path); strings.EqualFold(ext, ".yaml") || strings.EqualFold(ext, ".yml") {
		stem = strings.TrimSuffix(path, ext)
	}
	if sandbox {
		dir := stem + ".sandbox"
		return places{manifest: path, state: filepath.Join(dir, "state.db"), runs: filepath.Join(dir, "runs"), tenant: filepath.Join(dir, "tenant")}
	}
	p := places{manifest: path, state: stem + ".state.db", runs: stem + ".runs"}
	if state != "" {
		p.state = state
	}
	return p
}

// hashes is the cache of checksums that goes with a state.
func (p places) hashes() string { return p.state + ".hashes" }
