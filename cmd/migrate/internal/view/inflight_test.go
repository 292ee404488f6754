package view

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

func TestItemsAreSeenOnTheirWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tally Tally
		see := func(what string, stages map[string]int, uploads ...Upload) {
			t.Helper()
			s := tally.Snapshot()
			if d := cmp.Diff(stages, s.Stages); d != "" {
				t.Errorf("%s: stages (-want +got):\n%s", what, d)
			}
			if d := cmp.Diff(uploads, s.Uploads); d != "" {
				t.Errorf("%s: uploads (-want +got):\n%s", what, d)
			}
		}
		stage := func(id, name string) {
			tally.Observe(pipeline.Stage{ExternalID: id, Stage: name, Size: 100, Name: id + ".pdf"})
		}
		sent := func(id string, n int64) { tally.Observe(pipeline.Sent{ExternalID: id, N: n}) }

		see("before anything", nil)
		stage("A", "register")
		stage("B", "register")
		see("two are made", map[string]int{"register": 2})
		stage("B", "transfer")
		see("no byte has gone", map[string]int{"register": 1, "transfer": 1})
		<-time.After(time.Second)
		stage("A", "transfer")
		sent("A", 60)
		sent("B", 30)
		<-time.After(time.Second)
		see("both are sent", map[string]int{"transfer": 2}, Upload{"B", "B.pdf", 30, 100, 2 * time.Second}, Upload{"A", "A.pdf", 60, 100, time.Second})
		sent("B", -30)
		see("one begins again", map[string]int{"transfer": 2}, Upload{"A", "A.pdf", 60, 100, time.Second})
		stage("A", "settle")
		sent("A", 1) // late
		see("one is processed", map[string]int{"transfer": 1, "settle": 1})
		tally.Observe(pipeline.Finished{Result: pipeline.Result{ExternalID: "A", Status: string(state.Done)}})
		tally.Observe(pipeline.Finished{Result: pipeline.Result{ExternalID: "C", Status: "unchanged"}})
		see("one is done", map[string]int{"transfer": 1})
		tally.Observe(pipeline.Stage{ExternalID: "intro", Stage: "transfer", Size: 5, Name: "intro.pdf"})
		tally.Observe(pipeline.Finished{Result: pipeline.Result{Kind: "myFile", Key: "intro", Status: "ticket"}})
		see("a personal file went", map[string]int{"transfer": 1})
		tally.Observe(pipeline.Finished{Result: pipeline.Result{ExternalID: "B", Status: string(state.Failed)}})
		see("nothing is left", map[string]int{})
	})
}
