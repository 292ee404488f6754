package emulator

import (
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"time"
)

// Rates are the probabilities of faults, each 0 to 1 of the requests. Those of
// the API and those of storage add up to at most 1 each. Tokens are left alone:
// a lost answer to a rotating refresh ends a session for good.
type Rates struct {
	Status5xx      float64 `json:"status5xx"`      // 500, 502, 503 or 504, nothing done
	Status5xxAfter float64 `json:"status5xxAfter"` // the same after the work was done
	ResetBefore    float64 `json:"resetBefore"`
	LostAfter      float64 `json:"lostAfter"`
	Late           float64 `json:"late"`      // executed 0.1 to 2 s after the reset
	TooMany        float64 `json:"tooMany"`   // 429 that says 1 s in seconds, as a date, or nothing
	HTML           float64 `json:"html"`      // 502 or 503 from a proxy
	Truncated      float64 `json:"truncated"` // broken off, or complete and half a document
	Slow           float64 `json:"slow"`      // the body takes 0.1 to 2 s
	Duplicate      float64 `json:"duplicate"` // the request arrives twice

	Storage503     float64 `json:"storage503"`   // SlowDown
	StorageReset   float64 `json:"storageReset"` // in mid-upload
	StorageLost    float64 `json:"storageLost"`
	StorageExpired float64 `json:"storageExpired"`
	Storage500     float64 `json:"storage500"`  // InternalError after the bytes were stored
	StorageLate    float64 `json:"storageLate"` // the bytes are stored 0.1 to 2 s after the reset

	ProcessingFails float64 `json:"processingFails"`
	ProcessingStuck float64 `json:"processingStuck"` // it takes 1 to 8 h
}

// Chaos makes requests fail at random: which ones is a function of the seed,
// the operation and how many requests of it came before. Faults of the queue
// come first. Zero rates end it.
func (s *Server) Chaos(seed uint64, r Rates) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.nth)
	s.chaos = &chaos{seed, r}
}

type chaos struct {
	seed  uint64
	rates Rates
}

// draw is the fate of the nth request of an operation.
func (ch *chaos) draw(op string, n int) *Fault {
	if op == OpToken || op == OpAuthorize {
		return nil
	}
	h := fnv.New64a()
	h.Write([]byte(op))
	rng := rand.New(rand.NewPCG(ch.seed, h.Sum64()+uint64(n)))
	u, short := rng.Float64(), Duration(100*time.Millisecond+time.Duration(rng.Int64N(int64(1900*time.Millisecond))))
	status := []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}[rng.IntN(4)]
	advice := []Advice{AdviceSeconds, AdviceDate, AdviceNone}[rng.IntN(3)]
	half := []Kind{KindTruncated, KindCut}[rng.IntN(2)]
	long := Duration(time.Hour + time.Duration(rng.Int64N(int64(7*time.Hour))))
	r := ch.rates
	table := []fate{
		{r.Status5xx, Fault{Kind: KindStatus, Status: status}},
		{r.Status5xxAfter, Fault{Kind: KindStatusAfter, Status: status}},
		{r.ResetBefore, Fault{Kind: KindReset}},
		{r.LostAfter, Fault{Kind: KindLost}},
		{r.Late, Fault{Kind: KindLate, Delay: short}},
		{r.TooMany, Fault{Kind: KindTooMany, Advice: advice}},
		{r.HTML, Fault{Kind: KindHTML}},
		{r.Truncated, Fault{Kind: half}},
		{r.Slow, Fault{Kind: KindSlow, Delay: short}},
		{r.Duplicate, Fault{Kind: KindDuplicate}},
	}
	if op == OpPut {
		table = []fate{
			{r.Storage503, Fault{Kind: KindStatus, Status: http.StatusServiceUnavailable}},
			{r.StorageReset, Fault{Kind: KindResetMid}},
			{r.StorageLost, Fault{Kind: KindLost}},
			{r.StorageExpired, Fault{Kind: KindExpired}},
			{r.Storage500, Fault{Kind: KindStatusAfter, Status: http.StatusInternalServerError}},
			{r.StorageLate, Fault{Kind: KindLate, Delay: short}},
			{r.ProcessingFails, Fault{Kind: KindProcessingFails}},
			{r.ProcessingStuck, Fault{Kind: KindProcessingStuck, Delay: long}},
		}
	}
	if op == OpGet {
		table = []fate{
			{r.Storage503, Fault{Kind: KindStatus, Status: http.StatusServiceUnavailable}},
			{r.StorageReset, Fault{Kind: KindTruncated}},
			{r.StorageLost, Fault{Kind: KindReset}},
			{r.StorageExpired, Fault{Kind: KindExpired}},
		}
	}
	for _, x := range table {
		if u < x.rate {
			return &x.fault
		}
		u -= x.rate
	}
	return nil
}

type fate struct {
	rate  float64
	fault Fault
}
