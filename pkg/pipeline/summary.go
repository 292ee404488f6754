package pipeline

import (
	"cmp"
	"slices"
	"strings"
)

// maxNewTags is how many tags to be made a summary names; the rest is counted.
const maxNewTags = 1000

// Add accumulates a row. Tags to be made are added by the planner.
func (s *Summary) Add(r Row) {
	if s.Actions == nil {
		s.Actions = map[Action]int{}
	}
	if r.Unlisted {
		if s.Pruned == nil {
			s.Pruned = map[Action]int{}
		}
		s.Pruned[r.Action]++
	} else {
		s.Items++
	}
	s.Actions[r.Action]++
	if r.Action == ActionConflict || r.Action == ActionBlocked {
		if s.Reasons == nil {
			s.Reasons = map[string]int{}
		}
		s.Reasons[r.Reason]++
	}
	if len(r.Spared) > 0 && r.Action != ActionConflict {
		s.Spared++
	}
	s.Writes += r.Writes
	s.Puts += r.Puts
	if r.Puts > 0 {
		s.Bytes += r.Size
	}
	if r.Puts > 0 && r.Offline {
		s.Offline++
		s.OfflineBytes += r.Size
	}
	if r.Writes > 0 && slices.ContainsFunc(r.Diff, func(d FieldDiff) bool { return d.Field == linkField }) {
		s.Variants++
	}
	if r.Reason == ReasonProvisional {
		s.Provisional++
	}
	if r.Moved != "" && !r.Unlisted {
		s.Moved++
	}
	if r.Audience != nil {
		s.exposes().Add(r)
	}
	for _, p := range r.Problems {
		if p.Class.String() == "warning" {
			s.Warnings++
		}
	}
}

// Work reports whether a run would do or decide anything.
func (s *Summary) Work() bool {
	for a, n := range s.Actions {
		if n > 0 && a != ActionUnchanged && a != ActionConflict && a != ActionBlocked {
			return true
		}
	}
	for _, of := range s.Extras {
		for a, n := range of {
			if n > 0 && a != ActionUnchanged && a != ActionConflict && a != ActionBlocked {
				return true
			}
		}
	}
	return false
}

// tagCensus counts the tags that rows would make, by Division and folded name: names
// that differ in case only are one tag.
type tagCensus map[[2]string]NewTag

// add counts the tags that one row would make; items is 1 for an item, 0 for another row.
func (c tagCensus) add(division string, names []string, items int) {
	for _, name := range names {
		key := [2]string{division, fold(name)}
		t, ok := c[key]
		if !ok {
			t = NewTag{Division: division, Name: name}
		}
		t.Items += items
		c[key] = t
	}
}

// newTags are the names of the tags that setting v makes.
func newTags(v Values) []string {
	raw := v["tags"]
	if !strings.Contains(string(raw), `"`+newTag) {
		return nil
	}
	var names []string
	for _, t := range set(raw) {
		if name, ok := strings.CutPrefix(t, newTag); ok {
			names = append(names, name)
		}
	}
	return names
}

// into completes the summary: each tag to be made costs one write.
func (c tagCensus) into(s *Summary) {
	s.NewTagsAll = len(c)
	s.Writes += len(c)
	s.NewTags = []NewTag{}
	for _, t := range c {
		s.NewTags = append(s.NewTags, t)
	}
	slices.SortFunc(s.NewTags, func(a, b NewTag) int {
		return cmp.Or(cmp.Compare(b.Items, a.Items), cmp.Compare(a.Division, b.Division), cmp.Compare(a.Name, b.Name))
	})
	s.NewTags = s.NewTags[:min(len(s.NewTags), maxNewTags)]
}
