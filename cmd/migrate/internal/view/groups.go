package view

import (
	"cmp"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// Group is the rows of a plan with the same action, Division and folder.
type Group struct {
	Action   pipeline.Action `json:"-"`
	Division string          `json:"division,omitempty"`
	Folder   string          `json:"folder,omitempty"` // of their sources; "" for those without one
	Items    int             `json:"items"`
	Bytes    int64           `json:"bytes"` // to upload
}

const (
	// maxGroups is how many groups are kept apart. Where there are more, folders are
	// told apart by fewer of their levels.
	maxGroups = 200
	// mostLevels is how many levels of folders are told apart at first.
	mostLevels = 4
)

type groupKey struct {
	action           pipeline.Action
	division, folder string
}

// groups sums up rows. Its size depends on the number of Divisions alone. The zero
// value is ready.
type groups struct {
	sums  map[groupKey]*Group
	fewer int // how many of mostLevels are given up
}

func (g *groups) add(row *pipeline.Row) {
	if g.sums == nil {
		g.sums = map[groupKey]*Group{}
	}
	n := Group{Action: row.Action, Division: row.Division, Folder: folderOf(row.Source, mostLevels-g.fewer), Items: 1}
	if row.Puts > 0 {
		n.Bytes = row.Size
	}
	g.count(n)
	for len(g.sums) > maxGroups && g.fewer < mostLevels {
		g.fewer++
		all := g.sums
		g.sums = make(map[groupKey]*Group, len(all))
		for _, old := range all {
			if old.Folder != "" {
				old.Folder = folderOf(old.Folder+"/", mostLevels-g.fewer)
			}
			g.count(*old)
		}
	}
}

func (g *groups) count(n Group) {
	key := groupKey{n.Action, n.Division, n.Folder}
	if sum := g.sums[key]; sum != nil {
		sum.Items += n.Items
		sum.Bytes += n.Bytes
		return
	}
	g.sums[key] = &n
}

// list is all groups: by action as they are shown, the largest first.
func (g *groups) list() []Group {
	all := make([]Group, 0, len(g.sums))
	for _, sum := range g.sums {
		all = append(all, *sum)
	}
	at := func(a pipeline.Action) int { // what needs a decision comes last: it is told before
		if i := slices.Index(order, a); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(all, func(a, b Group) int {
		return cmp.Or(cmp.Compare(at(a.Action), at(b.Action)), strings.Compare(string(a.Action), string(b.Action)),
			cmp.Compare(b.Items, a.Items), strings.Compare(a.Division, b.Division), strings.Compare(a.Folder, b.Folder))
	})
	return all
}

// byAction is all groups, by their action.
func (g *groups) byAction() map[pipeline.Action][]Group {
	all := map[pipeline.Action][]Group{}
	for _, n := range g.list() {
		all[n.Action] = append(all[n.Action], n)
	}
	return all
}

// of is the groups of one action, the largest first.
func (g *groups) of(action pipeline.Action) []Group {
	return slices.DeleteFunc(g.list(), func(n Group) bool { return n.Action != action })
}

// folderOf is the folder of a source, cut to so many levels below where it begins: a
// root, a host, a remote. It ends without a slash, unless that is all it is; "" is
// the folder of the manifest, or none.
func folderOf(source string, levels int) string {
	source = strings.ReplaceAll(source, `\`, "/")
	begin := 0
	if scheme := strings.Index(source, "://"); scheme > 0 {
		begin = len(source)
		if host := strings.IndexByte(source[scheme+3:], '/'); host >= 0 {
			begin = scheme + 3 + host + 1
		}
	} else if colon := strings.IndexByte(source, ':'); colon > 0 && !strings.Contains(source[:colon], "/") {
		begin = colon + 1
	}
	end := begin
	for range levels {
		slash := strings.IndexByte(source[end:], '/')
		if slash < 0 {
			break
		}
		end += slash + 1
	}
	if end == 1 { // the top of the machine
		return source[:end]
	}
	return strings.TrimSuffix(source[:end], "/")
}
