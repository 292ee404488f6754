package pipeline

import "github.com/showpad-migrate/migrate/pkg/manifest"

// WithLimits is o with other sizes inside a run: of a chunk, of the queues between
// stages (negative: none), and of the batches in which the service is polled.
func WithLimits(o Options, chunk, queue, batch int) Options {
	o.limits = limits{chunk: chunk, queue: queue, batch: batch}
	return o
}

// WithLanes is o with files from large bytes on as large ones, and so many of each
// kind looked ahead.
func WithLanes(o Options, large int64, ahead int) Options {
	o.limits.large, o.limits.ahead = large, ahead
	return o
}

// WithExports is o with an export read however few look-ups it saves.
func WithExports(o Options) Options {
	o.limits.exports = true
	return o
}

// StampRules is what the record of a comparison by the rules of m has.
func StampRules(m *manifest.Manifest) string { return stampRules(m) }

// PruneLimitOf is what l means for so many records.
func PruneLimitOf(l PruneLimit, records int) int { return l.of(records) }

// WorkloadOf is the workload of so many creates.
func WorkloadOf(sizes []int64, name func(int) string) Workload {
	var l Workload
	var s Summary
	for i, n := range sizes {
		row := Row{Action: ActionCreate, Name: name(i), Size: n, MD5: "known", Writes: 2, Puts: 1}
		l.add(&row)
		s.Add(row)
	}
	l.total(&s)
	return l
}

// WorkloadOfPlan is the workload of a plan.
func WorkloadOfPlan(rows []Row, s *Summary) Workload {
	var l Workload
	for i := range rows {
		l.add(&rows[i])
	}
	l.total(s)
	return l
}
