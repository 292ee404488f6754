package htmldoc

import (
	"fmt"
	"math"
	"strconv"
)

// Columns is a chart of values that follow each other, such as counts over time. The
// reader gets the same values as a table.
type Columns struct {
	Name   string // what is counted
	Text   string // the chart in a sentence, for those who cannot see it
	Labels []string
	Values []float64 // as many; none is negative
	Show   func(float64) string
	From   string // the labels of the axis
	To     string
}

// The chart is drawn in a box of these units and stretched to the width of the page.
const (
	chartWidth  = 1000
	chartHeight = 100
)

// Box is the view box of the chart.
func (c *Columns) Box() string { return fmt.Sprintf("0 0 %d %d", chartWidth, chartHeight) }

// Top is the largest value.
func (c *Columns) Top() float64 {
	top := 0.0
	for _, v := range c.Values {
		top = math.Max(top, v)
	}
	return top
}

// TopText is the largest value as people read it.
func (c *Columns) TopText() string { return c.Show(c.Top()) }

// column is a drawn value.
type column struct{ X, Y, Width, Height, Text string }

// Drawn are the columns of the values that are not zero.
func (c *Columns) Drawn() []column {
	top := c.Top()
	if top == 0 {
		return nil
	}
	step := chartWidth / float64(len(c.Values))
	var all []column
	for i, v := range c.Values {
		if v == 0 {
			continue
		}
		h := math.Max(1.5, v/top*chartHeight) // the smallest value is seen, too
		all = append(all, column{
			X: units(float64(i)*step + step*0.1), Y: units(chartHeight - h), Width: units(step * 0.8), Height: units(h),
			Text: c.Labels[i] + ": " + c.Show(v),
		})
	}
	return all
}

// Table is the chart as a table.
func (c *Columns) Table() *Table {
	return &Table{
		Name: c.Name, Columns: []Column{{Title: "From"}, {Title: c.Name, Number: true}}, Folded: "The values",
		Rows: func(yield func([]Cell) bool) {
			for i, v := range c.Values {
				if !yield(Words(c.Labels[i], c.Show(v))) {
					return
				}
			}
		},
	}
}

// Strip is a whole and its parts, side by side.
type Strip struct {
	Name  string
	Parts []StripPart
}

// StripPart is one part of a whole.
type StripPart struct {
	Name  string
	Mark  Mark
	N     int
	Count string // N as people read it
}

// stripPiece is a part as it is drawn.
type stripPiece struct {
	X, Width string
	Mark     Mark
	Text     string
}

// Drawn are the parts with their places; one that is there is at least seen.
func (s *Strip) Drawn() []stripPiece {
	const least = 4.0
	total, small, rest := 0, 0.0, 0
	for _, p := range s.Parts {
		total += p.N
	}
	for _, p := range s.Parts {
		if p.N > 0 && float64(p.N)/float64(total)*chartWidth < least {
			small += least
		} else {
			rest += p.N
		}
	}
	var all []stripPiece
	x := 0.0
	for _, p := range s.Parts {
		if p.N == 0 {
			continue
		}
		w := least
		if float64(p.N)/float64(total)*chartWidth >= least {
			w = float64(p.N) / float64(rest) * (chartWidth - small)
		}
		all = append(all, stripPiece{units(x), units(math.Max(w-2, 1)), p.Mark, p.Name + ": " + p.Count})
		x += w
	}
	return all
}

func units(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
