package report

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

func TestStagesAreTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		pass := func(d time.Duration) { <-time.After(d) }
		stage := func(id, name string) { j.observe(pipeline.Stage{ExternalID: id, Stage: name}) }
		stage("a", "transfer")
		pass(time.Second)
		stage("b", "transfer")
		stage("a", "transfer") // another attempt of the same
		pass(2 * time.Second)
		stage("a", "settle")
		j.observe(pipeline.Finished{Result: pipeline.Result{ExternalID: "b"}})
		pass(time.Minute)
		j.observe(pipeline.Finished{Result: pipeline.Result{ExternalID: "a"}})
		j.observe(pipeline.Finished{Result: pipeline.Result{ExternalID: "never begun"}})
		stage("c", "hash") // and never left
		want := []StageTime{{Stage: "transfer", Items: 2, Mean: 2.5, Max: 3, Slowest: "a"}, {Stage: "settle", Items: 1, Mean: 60, Max: 60, Slowest: "a"}}
		if diff := cmp.Diff(want, j.times()); diff != "" {
			t.Errorf("stages (-want +got):\n%s", diff)
		}
		if len(j.at) != 1 {
			t.Errorf("%d items are under way, want the one that is", len(j.at))
		}
	})
}

func TestWhatHappensIsKeptOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		begin := time.Now()
		at := func(d time.Duration) time.Time { return begin.Add(d).UTC() }
		pass := func(d time.Duration) { <-time.After(d) }
		wait := func(n int) {
			j.observe(pipeline.Waiting{For: "settle", Text: fmt.Sprintf("creates that are looked up: %d", n), Until: time.Now().Add(time.Minute)})
		}
		wait(3)
		pass(30 * time.Second)
		j.observe(pipeline.Warned{Code: "lost-answer", ExternalID: "SP-1", Text: "looking it up"})
		j.observe(pipeline.Request{Op: "postAssets", Status: 503, Retry: true})
		j.observe(pipeline.Request{Op: "postAssets", Status: 400})
		j.observe(pipeline.Request{Op: "getAssets", Retry: true})
		j.observe(pipeline.Request{Op: "getAssets", Status: 200, Retry: true})
		wait(12)
		pass(time.Hour)
		wait(1)
		want := []Moment{
			{At: at(0), Last: at(30 * time.Second), Until: at(90 * time.Second), Kind: "waiting", Code: "settle", Text: "creates that are looked up: 3", Times: 2},
			{At: at(30 * time.Second), Kind: "warned", Code: "lost-answer", Text: "SP-1: looking it up", Times: 1},
			{At: at(30 * time.Second), Kind: "retry", Code: "postAssets 503", Text: "postAssets answered 503", Times: 1},
			{At: at(30 * time.Second), Kind: "retry", Code: "getAssets 0", Text: "getAssets was not answered", Times: 1},
			{At: at(30 * time.Second), Kind: "retry", Code: "getAssets 200", Text: "getAssets answered 200, and the answer could not be read", Times: 1},
			{At: at(time.Hour + 30*time.Second), Until: at(time.Hour + 90*time.Second), Kind: "waiting", Code: "settle", Text: "creates that are looked up: 1", Times: 1},
		}
		got, left := j.timeline(time.UTC)
		if diff := cmp.Diff(want, got); diff != "" || left != 0 {
			t.Errorf("%d left out (-want +got):\n%s", left, diff)
		}
		for i := range 2 * maxMoments {
			j.observe(pipeline.Warned{Code: fmt.Sprint("code ", i), Text: "t"})
		}
		if got, left := j.timeline(time.UTC); len(got) != maxMoments || left != len(want)+maxMoments {
			t.Errorf("%d moments, %d left out", len(got), left)
		}
	})
}

func TestTheJournalIsInTheSummary(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, testInfo())
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			id := fmt.Sprint(i)
			w.Observe(pipeline.Stage{ExternalID: id, Stage: "register"})
			w.Observe(pipeline.Waiting{For: "retry-after", Text: "the service asks to wait"})
			w.Observe(pipeline.Finished{Result: pipeline.Result{ExternalID: id, Status: "done"}})
		})
	}
	all.Wait()
	if _, err := w.Close(testOutcome()); err != nil {
		t.Fatal(err)
	}
	var s Summary
	if err := readJSON(dir, SummaryFile, &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Stages) != 1 || s.Stages[0].Stage != "register" || s.Stages[0].Items != 20 || len(s.Timeline) != 1 || s.Timeline[0].Times != 20 || s.Items != 20 {
		t.Errorf("stages %+v, timeline %+v, %d items", s.Stages, s.Timeline, s.Items)
	}
}
