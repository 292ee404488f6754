package local

import (
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/source"
)

func TestNamesThatMeanSomethingElseOnWindows(t *testing.T) {
	s, _ := newWith(t, text("a.txt"))
	for _, path := range []string{"NUL", "sub/CON", "com1.txt", "a.txt:stream"} {
		expect(t, s, path, source.ErrNotRegular, "device or a stream")
	}
	expect(t, s, "what?.txt", source.ErrNotExist, "")
}

func TestLongPaths(t *testing.T) {
	long := strings.Repeat("a folder with a long name/", 20) + "file.txt"
	s, dir := newWith(t, text(long))
	if b, err := content(t.Context(), s, long); b != long || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := content(t.Context(), Absolute(), strings.ReplaceAll(dir, `\`, "/")+"/"+long); b != long || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}
