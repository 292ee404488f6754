package expand

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// glob is an include of files. Its folder is listed once: every pass over the
// items sees the same files.
type glob struct {
	inc   manifest.Include
	loc   manifest.Location // of the root; Path is the pattern
	take  pattern
	leave []pattern

	turn chan struct{} // held while files is made
	made *globFiles    // nil: not listed yet
}

func newGlob(m *manifest.Manifest, inc manifest.Include) *glob {
	loc, problem := manifest.ParseGlob(inc.Files, m.Roots, inc.Pos)
	if problem != nil {
		return nil // reported with the header
	}
	g := &glob{inc: inc, loc: loc, take: newPattern(loc.Path), turn: make(chan struct{}, 1)}
	for _, p := range inc.Exclude {
		g.leave = append(g.leave, newPattern(p))
	}
	return g
}

// at is the address of a path below the root.
func (g *glob) at(p string) manifest.Location {
	return manifest.Location{Root: g.loc.Root, Path: p, Kind: g.loc.Kind}
}

// globFiles are the files of a glob, in the order of their paths.
type globFiles struct {
	files    *spool // see globFile
	count    int
	sum      []byte             // SHA-256 of the paths, each with a line's end
	problems []manifest.Problem // of the include as a whole: class Stop
	warnings []manifest.Problem
	join     *joinTable     // nil: none
	left     map[string]int // files that match and are left out, by reason
}

// globFile is a file and its row in the joined table.
type globFile struct {
	path  string
	row   int64 // -1: none
	exact bool  // the row writes the path as it is
}

func (f globFile) record() []byte {
	b := binary.AppendVarint(nil, f.row)
	if f.exact {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	return append(b, f.path...)
}

func readGlobFile(b []byte) globFile {
	row, n := binary.Varint(b)
	return globFile{row: row, exact: b[n] == 1, path: string(b[n+1:])}
}

// Why files could not be listed at all.
var (
	errNoSource = errors.New("its root is not available")
	errNoLister = errors.New("nobody can list this kind of place")
)

// lister is the source of a root.
func (s *Set) lister(root string) (source.Lister, error) {
	src, ok := s.Sources[root]
	if !ok {
		return nil, errNoSource
	}
	l, ok := src.(source.Lister)
	if !ok {
		return nil, errNoLister
	}
	return l, nil
}

// rootReported reports whether Check says by itself why a root is not there.
func (s *Set) rootReported(name string) bool {
	i := slices.IndexFunc(s.Manifest.Roots, func(r manifest.Root) bool { return r.Name == name })
	return i >= 0 && (s.Manifest.Roots[i].Location == "" || s.rootProblem(s.Manifest.Roots[i]) != nil)
}

// filesOf lists the files of g, unless that has been done. The error is one of
// reading, or the context's; then the next call tries again.
func (s *Set) filesOf(ctx context.Context, g *glob) (*globFiles, error) {
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-g.turn }()
	if g.made != nil {
		return g.made, nil
	}
	files, err := newSpool()
	if err != nil {
		return nil, err
	}
	l := &globLister{Set: s, glob: g, out: &globFiles{files: files, left: map[string]int{}}, idle: slices.Repeat([]bool{true}, len(g.leave))}
	if err := l.list(ctx); err != nil {
		if l.out.join != nil {
			err = errors.Join(err, l.out.join.rows.close())
		}
		return nil, errors.Join(err, files.close())
	}
	g.made = l.out
	return g.made, nil
}

// globLister fills in the files of a glob.
type globLister struct {
	*Set
	*glob
	out   *globFiles
	idle  []bool // patterns of exclude that left nothing out
	noRow samples
}

const maxListProblems = 100

func (l *globLister) list(ctx context.Context) error {
	if j := l.inc.Join; j != nil {
		var err error
		if l.out.join, l.out.problems, err = l.readJoin(ctx, j); err != nil {
			return err
		}
		l.out.warnings = append(l.out.warnings, l.out.join.notes...)
	}
	src, err := l.lister(l.loc.Root)
	if err != nil {
		if !errors.Is(err, errNoSource) || !l.rootReported(l.loc.Root) {
			l.unlisted(l.inc.Files, err)
		}
		return l.out.files.end()
	}
	sum := sha256.New()
	complete := true
	for info, err := range src.List(ctx, l.take.base) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p := info.Path
		if err != nil {
			e, ok := errors.AsType[*source.Error](err)
			switch {
			case !ok:
				return fmt.Errorf("listing %s: %w", l.at(l.take.base), err)
			case e.Op != "stat":
				complete = l.folder(e) && complete
				continue
			}
			p = e.Path // an item all the same: what is wrong blocks it
		}
		took, err := l.file(p)
		if err != nil {
			return err
		}
		if took {
			fmt.Fprintf(sum, "%s\n", p)
		}
	}
	l.out.sum = sum.Sum(nil)
	if complete {
		if err := l.conclude(); err != nil {
			return err
		}
	}
	return l.out.files.end()
}

// folder decides about a folder that cannot be listed: whether it may be
// passed over.
func (l *globLister) folder(e *source.Error) bool {
	dir := nfc(strings.Trim(e.Path, "/"))
	if dir == l.take.base && errors.Is(e, source.ErrNotExist) {
		return true // nothing matches: said once
	}
	inside := path.Join(dir, "x")
	if dir != "" && (!l.take.mayReach(dir) || l.excluded(inside) != "" || LeftOut(inside) != "" && !l.take.names(inside)) {
		return true
	}
	l.unlisted(l.at(e.Path).String(), e)
	return false
}

func (l *globLister) unlisted(what string, err error) {
	fix := "make it readable, or exclude it"
	if errors.Is(err, errNoLister) {
		fix = "write a table with a row for each file"
	}
	if e, ok := errors.AsType[*source.Error](err); ok {
		err = e.Err
		if e.Hint != "" {
			err = fmt.Errorf("%w (%s)", e.Err, e.Hint)
		}
	}
	if len(l.out.problems) < maxListProblems {
		l.out.problems = append(l.out.problems, manifest.NewProblem(manifest.CodeFilesUnlisted, l.inc.Pos,
			fmt.Sprintf("%s cannot be listed: %v", what, err), fix))
	}
}

// excluded is the pattern of exclude that leaves the file at a path out, or "".
func (g *glob) excluded(file string) string {
	for i, p := range g.leave {
		if p.takes(file) {
			return g.inc.Exclude[i]
		}
	}
	return ""
}

// leftOut says why g does not take a file that its pattern matches: a reason,
// with its pattern where exclude is one; "" when it does.
func (s *Set) leftOut(g *glob, file string) (reason, pattern string) {
	if s.own(g.loc, file) {
		return leftOwn, ""
	}
	if p := g.excluded(file); p != "" {
		return manifest.LeftExcluded, p
	}
	if why := LeftOut(file); why != "" && !g.take.names(file) {
		return why, ""
	}
	return "", ""
}

// file takes a file or leaves it out.
func (l *globLister) file(p string) (took bool, err error) {
	norm := nfc(p)
	reason := "no match"
	if l.take.match(norm) {
		var by string
		reason, by = l.leftOut(l.glob, norm)
		if by != "" {
			l.idle[slices.Index(l.inc.Exclude, by)] = false
		}
		if reason != "" {
			l.out.left[reason]++
		}
	}
	f := globFile{path: p, row: -1}
	if t := l.out.join; t != nil {
		t.there(norm)
		at, exact, err := t.find(norm)
		if err != nil {
			return false, err
		}
		if len(at) > 0 {
			f.row, f.exact = at[0], exact
		}
		if reason == "" && len(at) > 1 {
			if err := l.twice(p, at); err != nil {
				return false, err
			}
		}
		if reason == "" && len(at) == 0 {
			l.noRow.add(l.at(p).String())
		}
	}
	if reason != "" {
		return false, nil
	}
	l.out.count++
	_, err = l.out.files.add(f.record())
	return true, err
}

// twice reports rows about one file.
func (l *globLister) twice(p string, at []int64) error {
	first, err := l.out.join.rowAt(at[0])
	if err != nil {
		return err
	}
	for _, a := range at[1:] {
		row, err := l.out.join.rowAt(a)
		if err != nil {
			return err
		}
		if len(l.out.problems) < maxTableProblems {
			pr := manifest.NewProblem(manifest.CodeJoinTwice, row.Pos, fmt.Sprintf("a second row about %s", l.at(p)), "remove one of them")
			pr.Also = &first.Pos
			l.out.problems = append(l.out.problems, pr)
		}
	}
	return nil
}

// conclude reports what only the whole listing tells.
func (l *globLister) conclude() error {
	if l.out.count == 0 {
		l.out.problems = append(l.out.problems, manifest.NewProblem(manifest.CodeFilesNothing, l.inc.Pos,
			fmt.Sprintf("files %q takes nothing%s", l.inc.Files, l.leftText()), "correct the pattern, or remove the include; a pattern begins at the root, * is a part of a name, ** any folders"))
		return nil
	}
	for i, idle := range l.idle {
		if idle {
			l.out.warnings = append(l.out.warnings, manifest.NewProblem(manifest.CodeExcludeIdle, l.inc.Pos,
				fmt.Sprintf("exclude %q leaves nothing out", l.inc.Exclude[i]), "correct it, or remove it; a pattern begins at the root: **/Archive/** means folders of that name anywhere"))
		}
	}
	if l.out.join == nil {
		return nil
	}
	return l.concludeJoin()
}

// leftText says what of the matches was left out.
func (l *globLister) leftText() string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(l.out.left)) {
		parts = append(parts, fmt.Sprintf("%d %s", l.out.left[reason], reason))
	}
	if parts == nil {
		return ""
	}
	return "; of its matches are left out: " + strings.Join(parts, ", ")
}

func (l *globLister) concludeJoin() error {
	t := l.out.join
	if len(t.index) == 0 {
		return nil // reported
	}
	if l.noRow.n == l.out.count {
		row, err := t.rowAt(0)
		if err != nil {
			return err
		}
		l.out.problems = append(l.out.problems, manifest.NewProblem(manifest.CodeJoinNothing, row.Pos,
			fmt.Sprintf("no row of %q is about a file of %q: this row is about %q, and a file is %q", t.name, l.inc.Files, row.Path, strings.TrimPrefix(l.noRow.some[0], l.loc.Root+":")),
			"correct on: and strip: of the join"))
		return nil
	}
	var lost samples
	var first manifest.Pos
	for row, err := range t.lost(l.take.base) {
		if err != nil {
			return err
		}
		if lost.n == 0 {
			first = row.Pos
		}
		if row.Path == "" {
			lost.add("an empty path (" + row.Pos.String() + ")")
			continue
		}
		lost.add(fmt.Sprintf("%q", row.Path))
	}
	if lost.n > 0 {
		l.out.warnings = append(l.out.warnings, manifest.NewProblem(manifest.CodeJoinNoFile, first,
			fmt.Sprintf("%s of %q %s about files that are not there: %s", plural(lost.n, "row", "rows"), t.name, either(lost.n == 1, "is", "are"), &lost), "copy the files, or correct the paths"))
	}
	if l.noRow.n > 0 {
		l.out.warnings = append(l.out.warnings, manifest.NewProblem(manifest.CodeJoinNoRow, l.inc.Pos,
			fmt.Sprintf("%s no row in %q: %s", plural(l.noRow.n, "file has", "files have"), t.name, &l.noRow), "complete the table, or exclude them"))
	}
	return nil
}

// samples counts, and keeps the first few.
type samples struct {
	n    int
	some []string
}

func (s *samples) add(what string) {
	const shown = 3
	if s.n++; s.n <= shown {
		s.some = append(s.some, what)
	}
}

func (s *samples) String() string {
	text := strings.Join(s.some, ", ")
	if more := s.n - len(s.some); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func either(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// glob is the items of an include of files.
func (s *Set) glob(ctx context.Context, b *manifest.Builder, g *glob, dig *digester) iter.Seq2[manifest.Parsed, error] {
	return func(yield func(manifest.Parsed, error) bool) {
		files, err := s.filesOf(ctx, g)
		if err != nil {
			yield(manifest.Parsed{}, err)
			return
		}
		if len(files.problems) > 0 && !yield(manifest.Parsed{}, manifest.Problems(files.problems)) {
			return
		}
		for record, err := range files.files.all() {
			if err == nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			var p manifest.Parsed
			if err == nil {
				p, err = s.globItem(b, g, files, readGlobFile(record))
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
		if dig != nil {
			dig.add(g.inc.Files, files.sum)
			if files.join != nil && files.join.sum != nil {
				dig.add(files.join.name, files.join.sum)
			}
		}
	}
}

// globItem makes the item of a file.
func (s *Set) globItem(b *manifest.Builder, g *glob, files *globFiles, f globFile) (manifest.Parsed, error) {
	norm := nfc(f.path)
	v := manifest.Value{Kind: manifest.MapValue, Pos: g.inc.Pos}
	id := manifest.Value{Kind: manifest.TextValue, Pos: g.inc.Pos, Text: path.Join(g.loc.Root, norm)}
	for _, name := range setFields {
		c, ok := g.inc.Set[name]
		if !ok {
			continue
		}
		val, ok := c.Fill(func(part string) []string { return pathPart(norm, part) })
		switch {
		case !ok:
		case name == "externalId":
			id = val
		default:
			v.Put(name, c.Pos, val)
		}
	}
	id.Text = FileID(id.Text)
	v.Put("externalId", id.Pos, id)
	if f.row >= 0 {
		row, err := files.join.rowAt(f.row)
		if err != nil {
			return manifest.Parsed{}, err
		}
		overlay(&v, row.Value)
		p := b.FileItem(g.at(f.path), v, row.Keep)
		if !f.exact {
			warning := manifest.NewProblem(manifest.CodeJoinCase, row.Pos, fmt.Sprintf("the row writes %q", row.Path), "correct the path in the table")
			warning.ExternalID = p.Item.ExternalID
			p.Problems, p.Item.Problems = append(p.Problems, warning), append(p.Item.Problems, warning)
		}
		return about(p), nil
	}
	return about(b.FileItem(g.at(f.path), v, nil)), nil
}

var setFields = manifest.SetFields()

// about adds to each problem which file it is about: the places of all files
// of an include are the same.
func about(p manifest.Parsed) manifest.Parsed {
	for _, list := range [][]manifest.Problem{p.Problems, p.Item.Problems} {
		for i := range list {
			list[i].What += ", for file " + p.Item.Location.String()
		}
	}
	return p
}

// pathPart is what a placeholder stands for, see [manifest.Placeholders].
func pathPart(file, part string) []string {
	dir, name := path.Split(file)
	dir = strings.TrimSuffix(dir, "/")
	ext := path.Ext(name)
	if ext == name {
		ext = "" // ".profile"
	}
	var dirs []string
	if dir != "" {
		dirs = strings.Split(dir, "/")
	}
	one := func(s string) []string {
		if s == "" {
			return nil
		}
		return []string{s}
	}
	switch part {
	case "path":
		return one(file)
	case "dir":
		return one(dir)
	case "dir1":
		return dirs[:min(1, len(dirs))]
	case "dir2":
		return dirs[min(1, len(dirs)):min(2, len(dirs))]
	case "dirs":
		return dirs
	case "name":
		return one(name)
	case "stem":
		return one(strings.TrimSuffix(name, ext))
	default: // "ext"
		return one(strings.TrimPrefix(ext, "."))
	}
}

// overlay puts the fields of a row over those of v. Tags are added, members of
// mappings replace one another, everything else is replaced.
func overlay(v *manifest.Value, row manifest.Value) {
	for _, m := range row.Map {
		old := member(*v, m.Key)
		switch {
		case old == nil:
			v.Map = append(v.Map, m)
		case m.Key == "tags" && old.Value.Kind == manifest.ListValue && m.Value.Kind != manifest.MapValue && m.Value.Kind != manifest.NullValue:
			old.Value.List = append(slices.Clip(old.Value.List), parts(m.Value)...)
		case old.Value.Kind == manifest.MapValue && m.Value.Kind == manifest.MapValue:
			overlay(&old.Value, m.Value)
		default:
			*old = m
		}
	}
}

// parts are the elements of a list, which may stand in one cell.
func parts(v manifest.Value) []manifest.Value {
	if v.Kind == manifest.ListValue {
		return v.List
	}
	sep := v.Split
	if sep == "" {
		sep = ";"
	}
	var out []manifest.Value
	for s := range strings.SplitSeq(v.Text, sep) {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, manifest.Value{Kind: manifest.TextValue, Pos: v.Pos, Text: s, Loose: true})
		}
	}
	return out
}
