package view

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// Upload is a file on its way to storage.
type Upload struct {
	ExternalID string        `json:"externalId"`
	Name       string        `json:"name,omitempty"`
	Sent       int64         `json:"sent"` // bytes
	Size       int64         `json:"size"` // bytes
	Elapsed    time.Duration `json:"elapsedNs"`
}

// stages are what an item passes, in order, as people know them.
var stages = []struct{ name, text string }{
	{"hash", "hashing"}, {"register", "creating"}, {"keep", "keeping"}, {"transfer", "sending"}, {"settle", "processing"}, {"update", "updating"}, {"link", "linking"},
}

// inFlight knows which items are in which stage. The zero value is ready. It grows
// with the items that are under way, not with the library.
type inFlight struct {
	stage   map[string]string // by external ID
	count   map[string]int    // by stage
	uploads map[string]*uploading
}

type uploading struct {
	name       string
	sent, size int64
	since      time.Time
}

// observe follows an item from stage to stage.
func (f *inFlight) observe(e pipeline.Event) {
	switch e := e.(type) {
	case pipeline.Stage:
		f.leave(e.ExternalID)
		if f.stage == nil {
			f.stage, f.count, f.uploads = map[string]string{}, map[string]int{}, map[string]*uploading{}
		}
		f.stage[e.ExternalID] = e.Stage
		f.count[e.Stage]++
		if e.Stage == "transfer" {
			f.uploads[e.ExternalID] = &uploading{name: e.Name, size: e.Size, since: time.Now()}
		}
	case pipeline.Sent:
		if u := f.uploads[e.ExternalID]; u != nil {
			u.sent += e.N
		}
	case pipeline.Finished:
		f.leave(cmp.Or(e.Result.ExternalID, e.Result.Key))
	}
}

func (f *inFlight) leave(externalID string) {
	stage, ok := f.stage[externalID]
	if !ok {
		return
	}
	delete(f.stage, externalID)
	delete(f.uploads, externalID)
	if f.count[stage]--; f.count[stage] == 0 {
		delete(f.count, stage)
	}
}

// into fills in what a snapshot says of it: uploads whose bytes are moving, the oldest
// first.
func (f *inFlight) into(s *Snapshot) {
	s.Stages = maps.Clone(f.count)
	s.Uploads = nil
	now := time.Now()
	for id, u := range f.uploads {
		if u.sent > 0 {
			s.Uploads = append(s.Uploads, Upload{id, u.name, u.sent, u.size, now.Sub(u.since)})
		}
	}
	slices.SortFunc(s.Uploads, func(a, b Upload) int {
		return cmp.Or(cmp.Compare(b.Elapsed, a.Elapsed), cmp.Compare(a.ExternalID, b.ExternalID))
	})
}

// Speed is how fast a file goes; "" when nothing tells.
func (u Upload) Speed() string {
	if seconds := u.Elapsed.Seconds(); seconds > 0 {
		return Bytes(int64(float64(u.Sent)/seconds)) + "/s"
	}
	return ""
}

// Place is a point on an item's way, or a result, with the items that are there.
type Place struct {
	Name  string
	Items int
}

// Where are the items of a run by where they are: not begun, in a stage, ended.
func (s Snapshot) Where() []Place {
	var all []Place
	waiting := s.Items
	for _, n := range s.Status {
		waiting -= n
	}
	for _, n := range s.Stages {
		waiting -= n
	}
	add := func(name string, n int) {
		if n > 0 {
			all = append(all, Place{name, n})
		}
	}
	add("not begun", waiting)
	for _, stage := range stages {
		add(stage.text, s.Stages[stage.name])
	}
	for _, status := range slices.Sorted(maps.Keys(s.Status)) {
		if pipeline.Unfinished(status) {
			status, n := status+", to be continued", s.Status[status]
			add(status, n)
			continue
		}
		add(status, s.Status[status])
	}
	return all
}
