package emulator

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// params are the checked query parameters of a list.
type params struct {
	text   map[string]string
	lists  map[string][]string // comma-joined ones
	limit  int
	offset int
}

// Page sizes of the v4 lists. Source: v4 getAssets.
const (
	defaultLimit = 50
	maxLimit     = 1000
)

// query checks the query parameters of a call against the ones that the
// specification has: paging, texts, and lists that are joined by commas.
func (c *call) query(paging bool, texts, lists []string) (params, *answer) {
	p := params{text: map[string]string{}, lists: map[string][]string{}, limit: defaultLimit}
	values, err := url.ParseQuery(c.url.RawQuery)
	if err != nil {
		return p, new(badRequest(finding{"query", "cannot be read: " + err.Error(), catQuery}))
	}
	var bad []finding
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		v := values[name]
		if len(v) > 1 {
			bad = append(bad, finding{name, "is given more than once; join its values with commas", catQuery})
			continue
		}
		switch {
		case paging && (name == "limit" || name == "offset"):
			n, err := strconv.ParseInt(v[0], 10, 32)
			switch {
			case err != nil || n < 0:
				bad = append(bad, finding{name, "must be an integer of at least 0", catQuery})
			case name == "offset":
				p.offset = int(n)
			case n > maxLimit:
				bad = append(bad, finding{name, "must be at most " + strconv.Itoa(maxLimit), catQuery})
			default:
				p.limit = int(n)
			}
		case slices.Contains(texts, name):
			p.text[name] = v[0]
		case slices.Contains(lists, name):
			p.lists[name] = strings.Split(v[0], ",")
		default:
			bad = append(bad, finding{name, "is not a query parameter of this operation", catQueryName})
		}
	}
	if bad != nil {
		return p, new(badRequest(bad...))
	}
	return p, nil
}

// page cuts the part out of a list that was asked for.
func page[T any](items []T, p params) []T {
	start := min(p.offset, len(items))
	return items[start:min(start+p.limit, len(items))]
}

// list is the answer of every v4 list.
type list[T any] struct {
	Count int `json:"count"`
	Items []T `json:"items"`
}
