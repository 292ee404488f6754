package state

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// grid has, for each op, a row for each status that a record has and a column
// for each that it may get, both in the order of Statuses: x is a step, = is
// the same status again.
var grid = map[Op]string{
	Create: `
		pending     = x x . x x x x
		registering . = x . x x x x
		registered  . . = x x x x x
		sending     . . . = x x x x
		sent        . . . x = x x x
		processing  . . . x . = x x
		done        . x . . . . = x
		failed      x x x x x x x =`,
	Version: `
		pending     = . . x . . . x
		registering . . . . . . . .
		registered  . . . . . . . .
		sending     . . . = x x x x
		sent        . . . x = x x x
		processing  . . . x . = x x
		done        . . . x . . = x
		failed      x . . x x x x =`,
	Update: oneWriteGrid, Archive: oneWriteGrid, Restore: oneWriteGrid, Delete: oneWriteGrid,
}

const oneWriteGrid = `
		pending     = . . x . . . x
		registering . . . . . . . .
		registered  . . . . . . . .
		sending     . . . = . . x x
		sent        . . . . . . . .
		processing  . . . . . . . .
		done        . . . x . . = x
		failed      x . . x . . x =`

func parseGrid(t *testing.T, op Op) map[[2]Status]bool {
	t.Helper()
	rows := strings.Split(strings.TrimSpace(grid[op]), "\n")
	if len(rows) != len(Statuses()) {
		t.Fatalf("%s has %d rows", op, len(rows))
	}
	want := map[[2]Status]bool{}
	for i, row := range rows {
		cells := strings.Fields(row)
		if from := Statuses()[i]; len(cells) != 1+len(Statuses()) || cells[0] != string(from) {
			t.Fatalf("row %q of %s", row, op)
		}
		for j, to := range Statuses() {
			want[[2]Status{Statuses()[i], to}] = cells[1+j] != "."
		}
	}
	return want
}

func TestEveryStepOfEveryOp(t *testing.T) {
	for _, op := range Ops() {
		for step, want := range parseGrid(t, op) {
			err := Next(op, step[0], step[1])
			if Allowed(op, step[0], step[1]) != want || (err == nil) != want {
				t.Errorf("%s from %s to %s: allowed %v, want %v", op, step[0], step[1], !want, want)
			}
			if err != nil && (!errors.Is(err, ErrTransition) || !strings.Contains(err.Error(), fmt.Sprintf("%s from %s to %s", op, step[0], step[1]))) {
				t.Errorf("error %v", err)
			}
		}
	}
}

// Every op times every status of a stored record, times the same of what
// follows, through a Store.
func TestPutFollowsTheGrid(t *testing.T) {
	s := openNew(t, noSync)
	n := 0
	for _, op := range Ops() {
		for _, st := range Statuses() {
			for _, op2 := range Ops() {
				for _, st2 := range Statuses() {
					first := parseGrid(t, op)
					if !first[[2]Status{Failed, st}] {
						continue // no record of this op has this status
					}
					n++
					id := fmt.Sprintf("%s-%s-%s-%s", op, st, op2, st2)
					mustPut(t, s, rec(id, op, Failed), rec(id, op, st))
					from := st
					over := st == Done || st == Failed || st == Pending
					if op != op2 {
						from = Pending
					}
					want := parseGrid(t, op2)[[2]Status{from, st2}] && (op == op2 || over)
					err := s.Put(t.Context(), rec(id, op2, st2))
					if (err == nil) != want || err != nil && !errors.Is(err, ErrTransition) {
						t.Errorf("%s: %v, want allowed %v", id, err, want)
					}
					got, readErr := s.Get(t.Context(), []string{id})
					wantHead := head{op, st}
					if want {
						wantHead = head{op2, st2}
					}
					if readErr != nil || (head{got[id].Op, got[id].Status}) != wantHead {
						t.Errorf("%s: is %s %s, %v", id, got[id].Op, got[id].Status, readErr)
					}
				}
			}
		}
	}
	if n != (8+6+4*4)*48 {
		t.Errorf("%d steps were tried", n)
	}
}

func TestAnUnknownOpOrStatusTakesNoStep(t *testing.T) {
	for _, st := range Statuses() {
		if Allowed("burn", st, st) || Allowed(Create, st, "gone") || Allowed(Create, "gone", st) {
			t.Errorf("%s", st)
		}
	}
}
