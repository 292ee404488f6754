package manifest

import "slices"

// later are the parts of the format that are read and checked, and then
// refused with [CodeNotYet] until their work is done. This list is the only
// place that refuses them: parser, schema and documentation follow it.
var later = []struct{ part, what, fix string }{}

// isLater reports whether a part of the format is refused.
func isLater(part string) bool {
	return slices.ContainsFunc(later, func(l struct{ part, what, fix string }) bool { return l.part == part })
}

// Later are the parts of the format that this version refuses, in words.
func Later() []string {
	var all []string
	for _, l := range later {
		all = append(all, l.what)
	}
	return all
}

// later refuses a part of the format that is on the list.
func (d *decoder) later(part string, pos Pos) {
	for _, l := range later {
		if l.part == part {
			d.ps.add(CodeNotYet, pos, l.what+" is not yet supported by this version", l.fix)
		}
	}
}
