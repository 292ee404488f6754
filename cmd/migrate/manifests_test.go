package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestExampleManifests lints, plans, runs and verifies every manifest of
// examples/manifests, and plans it again: nothing is left.
func TestExampleManifests(t *testing.T) {
	examples, err := filepath.Abs(root + "/examples/manifests")
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(examples, "*.yaml"))
	if err != nil || len(found) < 4 {
		t.Fatalf("%d manifests, %v", len(found), err)
	}
	for _, path := range found {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(examples)); err != nil {
				t.Fatal(err)
			}
			t.Chdir(dir)
			expect(t, nil, exitOK, "lint", name, "--offline")
			expect(t, nil, exitOK, "lint", name, "--sandbox")
			expect(t, nil, exitWork, "plan", name, "--sandbox", "--exit-code")
			expect(t, nil, exitOK, "run", name, "--sandbox")
			expect(t, nil, exitOK, "verify", name, "--sandbox")
			expect(t, nil, exitOK, "plan", name, "--sandbox", "--exit-code")
		})
	}
}
