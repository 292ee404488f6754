package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// shortForecast is what takes no longer to do than to read about.
const shortForecast = time.Minute

// deciders are what may decide how long the work takes.
var deciders = map[string]string{
	"budget":       "the budget of requests decides",
	"window":       "the windows decide",
	"max-duration": "--max-duration decides",
	"rate":         "the rate of requests decides",
	"requests":     "the time that each request takes decides",
	"uploads":      "the speed of single uploads decides",
	"bandwidth":    "the line decides",
	"hashing":      "reading the files decides",
	"file":         "the largest file decides",
	"processing":   "Showpad's processing decides",
}

// forecast writes how long the work will take, and by what assumptions.
func forecast(out *printer, f *pipeline.Forecast) {
	for i, line := range forecastLines(f) {
		out.line("%s%s", either(i == 0, "forecast: ", "  "), line)
	}
}

// forecastLines are the sentence, the files that dominate, and the assumptions; none
// for what is over in less than a minute.
func forecastLines(f *pipeline.Forecast) (lines []string) {
	if f == nil || seconds(f.Slowest.Seconds) < shortForecast && f.Likely.Runs <= 1 && !f.Likely.Never {
		return nil
	}
	lines = append(lines, forecastLine(f))
	if l := f.Large; l != nil {
		percent := int(l.Share*100 + 0.5)
		alone, told := Duration(seconds(l.Seconds)), l.Seconds >= 1
		name := Clean(l.Name)
		if l.Files == 1 {
			lines = append(lines, fmt.Sprintf("%s is %d %% of the bytes%s", name, percent, either(told, " and takes "+alone+" alone", "")))
		} else {
			lines = append(lines, fmt.Sprintf("%s are %d %% of the bytes%s", Plural(l.Files, "file", either(l.Kind == "video", "videos", "files")), percent, either(told, "; "+name+" alone takes "+alone, "")))
		}
	}
	return append(lines, assumed(&f.Assumptions)...)
}

func forecastLine(f *pipeline.Forecast) string {
	e := f.Likely
	var b strings.Builder
	switch {
	case e.Never:
		b.WriteString("it does not get done like this: ")
		switch f.By {
		case "budget":
			b.WriteString("the reserve leaves nothing of the budget (see --budget and --reserve)")
		case "window":
			b.WriteString("there is no window, or none that is long enough (see --window)")
		default:
			b.WriteString("no run is long enough (see --max-duration)")
		}
		return b.String()
	case e.Runs > 1:
		b.WriteString(Count(e.Runs) + " runs")
		if f.Fastest.Runs != f.Slowest.Runs && !f.Slowest.Never {
			fmt.Fprintf(&b, " (%s to %s)", Count(f.Fastest.Runs), Count(f.Slowest.Runs))
		}
		fmt.Fprintf(&b, ", %s at work, done about %s", Duration(seconds(e.Seconds)), day(e.Finish))
	default:
		likely, least, most := Duration(seconds(e.Seconds)), Duration(seconds(f.Fastest.Seconds)), Duration(seconds(f.Slowest.Seconds))
		b.WriteString("likely " + likely)
		if f.Slowest.Runs > 1 || f.Slowest.Never {
			most = "more than one run"
		}
		if least != most {
			fmt.Fprintf(&b, " (%s to %s)", least, most)
		}
		if seconds(e.Seconds) >= time.Hour {
			b.WriteString(", until about " + day(e.Finish))
		}
	}
	if by := deciders[f.By]; by != "" {
		b.WriteString("; " + by)
	}
	return b.String()
}

// day is a time of a day in the zone of this machine.
func day(t time.Time) string { return t.Local().Format("Mon 2 Jan 15:04 MST") }

// seconds is a number of seconds as a duration.
func seconds(s float64) time.Duration { return time.Duration(min(s, 9e9) * float64(time.Second)) }

// assumed are the assumptions of a forecast, by where they come from.
func assumed(p *pipeline.Paces) []string {
	of := map[pipeline.Origin][]string{}
	add := func(a pipeline.Assumed, text string) {
		if a.Origin != "" && a.Value > 0 {
			of[a.Origin] = append(of[a.Origin], text)
		}
	}
	speed := func(a pipeline.Assumed) string { return Bytes(int64(a.Value)) + "/s" }
	add(p.Rate, pipeline.RateText(p.Rate.Value))
	add(p.Latency, brief(p.Latency.Value)+" a request")
	add(p.Requests, fmt.Sprintf("%.0f requests in flight", p.Requests.Value))
	add(p.Uploads, fmt.Sprintf("%.0f uploads in flight", p.Uploads.Value))
	add(p.Upload, speed(p.Upload)+" an upload")
	add(p.Bandwidth, speed(p.Bandwidth)+" for all uploads")
	add(p.Hash, speed(p.Hash)+" to read a file")
	add(p.Processing, brief(p.Processing.Value)+" of processing")
	var lines []string
	for _, o := range []struct {
		origin pipeline.Origin
		text   string
	}{{pipeline.OriginGiven, "given"}, {pipeline.OriginMeasured, "measured by an earlier run"}, {pipeline.OriginDefault, "assumed"}} {
		if l := of[o.origin]; len(l) > 0 {
			lines = append(lines, o.text+": "+strings.Join(l, ", "))
		}
	}
	return lines
}

// brief is a short time: 250 ms, 60 s.
func brief(s float64) string {
	if s < 1 {
		return fmt.Sprintf("%.3g ms", s*1000)
	}
	return Duration(seconds(s))
}
