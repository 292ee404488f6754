package source

import (
	"testing"
	"time"
)

func TestSame(t *testing.T) {
	one, two := time.Unix(1, 0), time.Unix(2, 0)
	for _, c := range []struct {
		name string
		a, b Info
		want bool
	}{
		{"size and time", Info{Size: 1, ModTime: one}, Info{Size: 1, ModTime: one.UTC()}, true},
		{"another size", Info{Size: 1, ModTime: one}, Info{Size: 2, ModTime: one}, false},
		{"another time", Info{Size: 1, ModTime: one}, Info{Size: 1, ModTime: two}, false},
		{"another version of the same time", Info{Size: 1, ModTime: one, Version: "a"}, Info{Size: 1, ModTime: one, Version: "b"}, false},
		{"one version, told with another time", Info{Size: 1, ModTime: one, Version: "a"}, Info{Size: 1, ModTime: two, Version: "a"}, true},
		{"one version and another size", Info{Size: 1, Version: "a"}, Info{Size: 2, Version: "a"}, false},
		{"an unknown size tells nothing", Info{Size: UnknownSize, ModTime: one}, Info{Size: 5, ModTime: one}, true},
		{"an unknown size and another time", Info{Size: UnknownSize, ModTime: one}, Info{Size: 5, ModTime: two}, false},
		{"an unknown size and one version", Info{Size: UnknownSize, Version: "a"}, Info{Size: 5, Version: "a"}, true},
		{"a size and the one that was listed for it", Info{Size: 5, ModTime: one}, Info{Size: 6, Listed: 5, ModTime: one}, true},
		{"another size than the one that was listed", Info{Size: 6, ModTime: one}, Info{Size: 7, Listed: 5, ModTime: one}, false},
		{"two sizes for which one was listed", Info{Size: 6, Listed: 5, ModTime: one}, Info{Size: 7, Listed: 5, ModTime: one}, false},
		{"one size for which two were listed", Info{Size: 6, Listed: 5, ModTime: one}, Info{Size: 6, Listed: 4, ModTime: one}, false},
		{"one version and another MD5", Info{Size: 1, Version: "a", MD5: []byte("0")}, Info{Size: 1, Version: "a", MD5: []byte("1")}, false},
		{"an MD5 on one side", Info{Size: 1, ModTime: one, MD5: []byte("0")}, Info{Size: 1, ModTime: one}, true},
		{"a version on one side: the time tells", Info{Size: 1, ModTime: one, Version: "a"}, Info{Size: 1, ModTime: one}, true},
		{"a version on one side, another time", Info{Size: 1, ModTime: one, Version: "a"}, Info{Size: 1, ModTime: two}, false},
	} {
		if got := c.a.Same(c.b); got != c.want || c.b.Same(c.a) != got {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
