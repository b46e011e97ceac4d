package engine_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/therapy/engine"
	"github.com/aceso-health/aceso/therapy/invariant"
)

// Honest and dishonest parties do what they like with several bags. After each operation
// I1 to I8 hold, as a checker says that shares nothing with the engine. ACESO_OPERATIONS says
// how many, ACESO_SEED repeats a run.
func TestInvariantsHold(t *testing.T) {
	seed, todo := number(t, "ACESO_SEED", rand.Uint64()>>1), int(number(t, "ACESO_OPERATIONS", 30_000))
	defer func() {
		if t.Failed() {
			t.Logf("ACESO_SEED=%d repeats it", seed)
		}
	}()
	h := &crowd{t: t, Rand: rand.New(rand.NewPCG(seed, 15)), r: register(t)}
	for _, id := range []string{"cart-autologous-cryo", "cart-autologous-fresh", "hsct-allogeneic"} {
		h.definitions = append(h.definitions, load(t, id))
	}
	for h.operations < todo && !t.Failed() {
		h.journey()
	}
	t.Logf("%d operations in %d journeys: %d accepted, %d rejected, %d disputed, %d refused; of %d honest journeys %d reached infused, of %d others %d",
		h.operations, h.journeys, h.verdicts[engine.Accepted], h.verdicts[engine.Rejected], h.verdicts[engine.Disputed], h.verdicts[engine.Refused],
		h.honestOnes, h.honestArrived, h.journeys-h.honestOnes, h.othersArrived)
	if h.honestArrived*100 < h.honestOnes*99 {
		t.Errorf("of %d honest journeys %d reached infused: fewer than 99 %%", h.honestOnes, h.honestArrived)
	}
	if todo >= 10_000 && (h.verdicts[engine.Rejected] < todo/50 || h.verdicts[engine.Disputed] < todo/1000 || h.othersArrived == 0) {
		t.Error("too little was tried")
	}
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// crowd are the parties.
type crowd struct {
	t *testing.T
	*rand.Rand
	r           *engine.Register
	definitions []*engine.Definition

	operations, journeys                     int
	honestOnes, honestArrived, othersArrived int
	verdicts                                 counts

	w    *world
	c    *invariant.Checker
	told []*engine.Event
}

type counts map[engine.Verdict]int

// journey goes on until all bags have come to an end, or nobody cares any more.
func (h *crowd) journey() {
	if h.verdicts == nil {
		h.verdicts = counts{}
	}
	h.journeys++
	h.w = worldUnder(h.t, h.definitions[h.IntN(len(h.definitions))], h.r, fmt.Sprint("journey-", h.journeys))
	h.c = invariant.New(journeyOf(h.t, h.w))
	h.told = nil
	h.w.watch = h.watch
	honest := h.IntN(10) < 4
	for n, bags := 0, 1+h.IntN(3); n < 250 && !h.t.Failed(); n++ {
		if !honest && h.IntN(3) == 0 {
			h.cheat()
		} else if !h.goOn(bags) {
			break
		}
	}
	arrived := h.c.Infused > 0
	if honest {
		h.honestOnes++
	}
	if honest && arrived {
		h.honestArrived++
	} else if arrived {
		h.othersArrived++
	}
}

// watch has each operation checked.
func (h *crowd) watch(e *engine.Event, out engine.Outcome) {
	h.operations++
	h.verdicts[out.Verdict]++
	if out.Again {
		return
	}
	if out.Verdict != engine.Refused {
		copied := *e
		h.told = append(h.told, &copied)
	}
	if faults := h.c.Observe(factOf(h.w.d, e, out)); len(faults) > 0 {
		h.t.Errorf("operation %d: %s", h.operations, strings.Join(faults, "; "))
	}
	infused := 0
	for _, b := range h.w.s.Bags {
		if b.Infused > 0 {
			infused++
		}
	}
	if infused != h.c.Infused {
		h.t.Errorf("operation %d: the state says %d bags are infused, the record says %d", h.operations, infused, h.c.Infused)
	}
}

// goOn does something honest, and says whether anything is left to do.
func (h *crowd) goOn(bags int) bool {
	w := h.w
	w.now += h.Int64N(minute) + second
	if h.clears() {
		return true
	}
	live := slices.DeleteFunc(slices.Clone(w.s.Bags), func(b *engine.Bag) bool {
		return b.Superseded || b.Locked || slices.Contains(w.d.Final, b.State) || h.next(b) == ""
	})
	if h.started() < bags {
		h.tell(w.honest("order", fmt.Sprint("bag-", h.started()+1)))
		return true
	}
	if len(live) == 0 || w.s.Ended != "" {
		return false
	}
	b := live[h.IntN(len(live))]
	for _, urgent := range live { // the honest do not let cells wait
		if urgent.State == "thawed" || urgent.State == "collected" {
			b = urgent
		}
	}
	h.tell(h.vary(w.honest(h.next(b), b.ID)))
	return true
}

func (h *crowd) started() (n int) {
	for _, b := range h.w.s.Bags {
		if b.Parent == "" {
			n++
		}
	}
	return n
}

// clears lets quality look at an open hold, and release again.
func (h *crowd) clears() bool {
	for _, hold := range h.w.s.Holds {
		if hold.Cleared != "" || h.IntN(4) == 0 {
			continue
		}
		e := h.w.honest("clear", hold.Bag)
		e.Payload.Hold = hold.Number
		if hold.Person == e.Person {
			e.Person = "quality-2"
		}
		h.tell(e)
		return true
	}
	return false
}

func (h *crowd) tell(e *engine.Event) { h.w.finish(e, "") }

// next is the honest step of a bag, or "".
func (h *crowd) next(b *engine.Bag) string {
	d := h.w.d
	if r := b.Release; r != nil && r.Suspended && d.Step("release-again") != nil && slices.Contains(d.Step("release-again").From, b.State) {
		return "release-again"
	}
	for _, step := range h.w.paths {
		code, test, _ := strings.Cut(step, ":")
		s := d.Step(code)
		if !slices.Contains(s.From, b.State) || s.Does == "transport" && s.To == b.State {
			continue
		}
		if test != "" && (b.State != "made" || slices.ContainsFunc(b.Results, func(r engine.Result) bool { return r.Test == test })) {
			continue
		}
		if s.Does == "carry" && b.Pending != nil && b.Pending.Carried {
			continue
		}
		return step
	}
	return ""
}

// vary does honestly what not everybody does: splits a lot, infuses a part, takes a box back,
// waits for a late result.
func (h *crowd) vary(e *engine.Event) *engine.Event {
	w := h.w
	b := w.s.Bag(e.Bag)
	switch does := w.d.Step(e.Step).Does; {
	case does == "pack":
		h.bindLogger(e)
	case does == "test" && h.IntN(12) == 0 && b.Release == nil && !strings.HasSuffix(b.ID, "a") && !strings.HasSuffix(b.ID, "b"):
		return w.honest("split", b.ID)
	case does == "take" && h.IntN(20) == 0:
		return w.honest(strings.Replace(e.Step, "receive", "cancel", 1), b.ID)
	case does == "approve" && h.IntN(5) == 0:
		e.Payload.Kind, e.Payload.Until = "conditional", w.now+100*hour
	case does == "infuse" && h.IntN(3) == 0:
		e.Payload.Volume = 1 + h.Int64N(e.Payload.Volume)
	}
	return e
}

// bindLogger takes one that is free.
func (h *crowd) bindLogger(e *engine.Event) {
	for _, id := range []string{"logger-1", "logger-2", "logger-3", "logger-4"} {
		if !slices.ContainsFunc(h.w.s.Bags, func(b *engine.Bag) bool { return b.Logger == id && b.Outcome == "" }) {
			rescan(e, "logger", id)
			return
		}
	}
}

func rescan(e *engine.Event, what, value string) {
	for i := range e.Scans {
		if e.Scans[i].What == what {
			e.Scans[i].Value = value
		}
	}
}
