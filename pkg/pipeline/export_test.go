package pipeline

// WithLimits is o with other sizes inside a run: of a chunk, of the queues between
// stages (negative: none), and of the batches in which the service is polled.
func WithLimits(o Options, chunk, queue, batch int) Options {
	o.limits = limits{chunk, queue, batch}
	return o
}

// PruneLimitOf is what l means for so many records.
func PruneLimitOf(l PruneLimit, records int) int { return l.of(records) }
