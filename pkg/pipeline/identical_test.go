package pipeline_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

func TestIdenticalContent(t *testing.T) {
	row := func(id, division, md5 string, size int64) pipeline.Row {
		return pipeline.Row{ExternalID: id, Division: division, MD5: md5, Size: size}
	}
	rows := []pipeline.Row{
		row("a", "Sales", "x", 10), row("b", "Sales", "y", 100), row("c", "sales", "x", 10), row("d", "EMEA", "x", 10),
		row("e", "Sales", "", 7), row("f", "Sales", "", 7), // not known
		row("g", "Sales", "z", 0), row("h", "Sales", "z", 0), // empty
		row("i", "Sales", "y", 100), row("j", "Sales", "x", 10), row("k", "Sales", "x", 10), row("l", "Sales", "w", 10),
	}
	sum := func(rows []pipeline.Row) *pipeline.Identical {
		var i pipeline.Identical
		for _, r := range rows {
			i.Add(r)
		}
		i.Sum()
		for _, r := range rows {
			i.Sample(r)
		}
		return &i
	}
	want := &pipeline.Identical{Groups: 2, Items: 6, Bytes: 130, Top: []pipeline.SameBytes{
		{Size: 100, Items: 2, Samples: []string{"b", "i"}}, {Size: 10, Items: 4, Samples: []string{"a", "c", "j"}},
	}}
	if diff := cmp.Diff(want, sum(rows), cmpopts.IgnoreUnexported(pipeline.Identical{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if i := sum(nil); i.Groups != 0 || i.Top != nil {
		t.Errorf("of nothing: %+v", i)
	}
	// The largest are told, the others counted.
	var many []pipeline.Row
	for n := range 60 {
		many = append(many, row(fmt.Sprint(n), "Sales", fmt.Sprint(n/2), int64(1+(n/2*7)%30)))
	}
	if i := sum(many); i.Groups != 30 || len(i.Top) != 20 || i.Top[0].Size != 30 || i.Top[19].Size != 11 || len(i.Top[19].Samples) != 2 {
		t.Errorf("of many: %+v", i)
	}
}
