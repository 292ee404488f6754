package view

import (
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

func TestForecastIsTold(t *testing.T) {
	at := time.Date(2026, 11, 28, 14, 5, 0, 0, time.Local)
	one := func(s float64) pipeline.Estimate { return pipeline.Estimate{Seconds: s, Finish: at, Runs: 1} }
	for _, c := range []struct {
		name string
		f    *pipeline.Forecast
		want []string
	}{
		{"none", nil, nil},
		{"less than a minute", &pipeline.Forecast{Fastest: one(10), Likely: one(20), Slowest: one(59), By: "rate"}, nil},
		{"known exactly", &pipeline.Forecast{Fastest: one(600), Likely: one(600), Slowest: one(600), By: "file"}, []string{
			"forecast: likely 10 min; the largest file decides",
		}},
		{"a range, files that dominate, assumptions", &pipeline.Forecast{
			Fastest: one(2460), Likely: one(4320), Slowest: one(9000), By: "bandwidth",
			Large: &pipeline.Large{Files: 3, Share: 0.614, Kind: "video", Name: "sales.mp4", Seconds: 3100},
			Assumptions: pipeline.Paces{
				Rate:      pipeline.Assumed{Value: 7, Origin: pipeline.OriginGiven},
				Latency:   pipeline.Assumed{Value: 0.12, Origin: pipeline.OriginMeasured},
				Bandwidth: pipeline.Assumed{Value: 20e6, Origin: pipeline.OriginDefault}, Processing: pipeline.Assumed{Value: 60, Origin: pipeline.OriginDefault},
			},
		}, []string{
			"forecast: likely 72 min (41 min to 2 h 30 min), until about " + day(at) + "; the line decides",
			"  3 videos are 61 % of the bytes; sales.mp4 alone takes 51 min",
			"  given: 7 requests/s",
			"  measured by an earlier run: 120 ms a request",
			"  assumed: 20 MB/s for all uploads, 60 s of processing",
		}},
		{"one file", &pipeline.Forecast{Fastest: one(60), Likely: one(60), Slowest: one(60), Large: &pipeline.Large{Files: 1, Share: 0.8, Name: "a\x1bb.zip", Seconds: 40}}, []string{
			"forecast: likely 60 s", `  a.zip is 80 % of the bytes and takes 40 s alone`,
		}},
		{"files that take no time, and a rate below one a second", &pipeline.Forecast{
			Fastest: one(60), Likely: one(60), Slowest: one(60), Large: &pipeline.Large{Files: 1, Share: 0.8, Name: "b.zip", Seconds: 0.3},
			Assumptions: pipeline.Paces{Rate: pipeline.Assumed{Value: 1.0 / 60, Origin: pipeline.OriginGiven}},
		}, []string{"forecast: likely 60 s", `  b.zip is 80 % of the bytes`, "  given: 1 request a minute"}},
		{"several runs", &pipeline.Forecast{
			Fastest: pipeline.Estimate{Runs: 5}, Likely: pipeline.Estimate{Seconds: 7200, Finish: at, Runs: 6}, Slowest: pipeline.Estimate{Runs: 9}, By: "budget",
		}, []string{"forecast: 6 runs (5 to 9), 2 h 0 min at work, done about " + day(at) + "; the budget of requests decides"}},
		{"perhaps several runs", &pipeline.Forecast{Fastest: one(600), Likely: one(900), Slowest: pipeline.Estimate{Seconds: 9000, Runs: 2}, By: "rate"}, []string{
			"forecast: likely 15 min (10 min to more than one run); the rate of requests decides",
		}},
		{"never", &pipeline.Forecast{Likely: pipeline.Estimate{Never: true}, By: "budget"}, []string{
			"forecast: it does not get done like this: the reserve leaves nothing of the budget (see --budget and --reserve)",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			forecast(&printer{w: &b}, c.f)
			want := strings.Join(c.want, "\n")
			if want != "" {
				want += "\n"
			}
			if b.String() != want {
				t.Errorf("\n%swant\n%s", b.String(), want)
			}
		})
	}
}
