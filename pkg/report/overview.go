package report

import (
	"cmp"
	"html"
	"slices"
	"time"

	"github.com/showpad-migrate/migrate/pkg/htmldoc"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// How much of the results a page tells in detail.
const (
	maxSlowest = 20
	someOfCode = 20 // rows of each code
	someExtras = 100
	maxBuckets = 60
	// roomForRows is how many bytes of the page all rows together may take that need
	// somebody.
	roomForRows = 800 << 10
)

// overview is what the page of a run tells of its rows. It does not grow with them,
// except 16 bytes for each row with a checksum.
type overview struct {
	buckets   buckets
	slowest   []timedRow // the longest first
	troubles  map[trouble]*troubled
	order     []trouble // as they came
	used      int       // of roomForRows
	full      bool
	extras    []row // that need somebody; the first ones
	extrasAll int
	identical pipeline.Identical
}

// timedRow is an item that was worked on.
type timedRow struct {
	row
	took time.Duration
}

// trouble is why items need somebody.
type trouble struct{ status, code string }

type troubled struct {
	n    int
	rows []row // the first of them
}

func newOverview(start, end time.Time) *overview {
	return &overview{buckets: newBuckets(start, end), troubles: map[trouble]*troubled{}}
}

func (o *overview) add(r row) {
	if r.Kind != "" {
		switch r.Status {
		case string(state.ExtraFailed), string(state.ExtraUnknown), "blocked", "conflict":
			if o.extrasAll++; len(o.extras) < someExtras && o.fits(r) {
				o.extras = append(o.extras, r)
			}
		}
		return
	}
	if r.Status == string(state.Done) {
		o.buckets.add(r)
	}
	if !r.Start.IsZero() && !r.End.Before(r.Start.Time) {
		o.slow(timedRow{r, r.End.Sub(r.Start.Time)})
	}
	switch r.class() {
	case failure:
		o.trouble(r)
	case success:
		o.identical.Add(r.planRow())
	}
}

// sample is the second pass over the rows.
func (o *overview) sample(r row) {
	if r.Kind == "" && r.class() == success {
		o.identical.Sample(r.planRow())
	}
}

// planRow is what tells whether a row has the bytes of another one.
func (r row) planRow() pipeline.Row {
	if r.Unlisted {
		return pipeline.Row{}
	}
	return pipeline.Row{ExternalID: r.ExternalID, Division: r.Division, MD5: r.MD5, Size: r.Size}
}

func (o *overview) slow(r timedRow) {
	if len(o.slowest) == maxSlowest && r.took <= o.slowest[maxSlowest-1].took {
		return
	}
	at, _ := slices.BinarySearchFunc(o.slowest, r, func(a, b timedRow) int {
		return cmp.Or(cmp.Compare(b.took, a.took), -1) // after those that took as long
	})
	r.Keep, r.Warnings = nil, nil
	o.slowest = slices.Insert(o.slowest, at, r)[:min(len(o.slowest)+1, maxSlowest)]
}

func (o *overview) trouble(r row) {
	key := trouble{r.Status, r.code()}
	t := o.troubles[key]
	if t == nil {
		if len(o.troubles) >= maxCodes {
			key.code = otherCode
			t = o.troubles[key]
		}
		if t == nil {
			t = &troubled{}
			o.troubles[key] = t
			o.order = append(o.order, key)
		}
	}
	t.n++
	if len(t.rows) < someOfCode && o.fits(r) {
		r.Keep, r.Warnings = nil, nil
		t.rows = append(t.rows, r)
	}
}

// fits reports whether there is room for a row, and takes it.
func (o *overview) fits(r row) bool {
	if o.full {
		return false
	}
	need := 250 // the row's own markup
	for _, cell := range troubleCells(r) {
		for _, text := range append(cell.Lines, cell.Text) {
			need += len(html.EscapeString(htmldoc.Shown(text))) + 40
		}
	}
	if o.full = o.used+need > roomForRows; !o.full {
		o.used += need
	}
	return !o.full
}

// bucketWidths are the steps of the time axis.
var bucketWidths = []time.Duration{
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// buckets counts what was done by the time when it was.
type buckets struct {
	start time.Time
	width time.Duration
	items []float64
	bytes []float64
}

func newBuckets(start, end time.Time) buckets {
	took := max(end.Sub(start), 0)
	b := buckets{start: start, width: bucketWidths[len(bucketWidths)-1]}
	for _, w := range bucketWidths {
		if took <= w*maxBuckets {
			b.width = w
			break
		}
	}
	for took > b.width*maxBuckets { // more than two months
		b.width *= 2
	}
	n := max(1, int((took+b.width-1)/b.width))
	b.items, b.bytes = make([]float64, n), make([]float64, n)
	return b
}

// add counts a row that is done. A time outside of the run, of a clock that was put
// back, counts at its edge.
func (b *buckets) add(r row) {
	if r.End.IsZero() {
		return
	}
	i := min(max(int(r.End.Sub(b.start)/b.width), 0), len(b.items)-1)
	b.items[i]++
	switch r.Action {
	case pipeline.ActionCreate, pipeline.ActionResume, pipeline.ActionVersion, pipeline.ActionCheck:
		b.bytes[i] += float64(r.Size)
	}
}

// labels are the times at which the buckets begin.
func (b *buckets) labels() []string {
	all := make([]string, len(b.items))
	for i := range all {
		all[i] = b.start.Add(time.Duration(i) * b.width).Format(labelFormat(b))
	}
	return all
}

func labelFormat(b *buckets) string {
	switch total := b.width * time.Duration(len(b.items)); {
	case b.width < time.Second:
		return "15:04:05.0"
	case total > 24*time.Hour:
		return "2 Jan 15:04"
	case b.width >= time.Minute:
		return "15:04"
	}
	return time.TimeOnly
}
