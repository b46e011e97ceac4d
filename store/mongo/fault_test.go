package mongo

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
	"github.com/aceso-health/aceso/store/storetest"
)

var (
	schedules    = flag.Int("schedules", 1000, "random schedules of faults to run")
	scheduleSeed = flag.Uint64("schedule-seed", 0, "the one schedule to run, 0 for all")
)

// commandsOfWrites are those that a write sends.
var commandsOfWrites = []string{"", "find", "insert", "update", "findAndModify", "commitTransaction", "abortTransaction"}

var actions = []mongotest.Action{
	mongotest.DropBefore, mongotest.DropAfter, mongotest.WriteConflict, mongotest.TransientTransactionError,
	mongotest.UnknownCommit, mongotest.LostCommit, mongotest.NotWritablePrimary,
}

// TestSchedules makes commands of writes fail at random in many ways: nothing that
// was acknowledged may be lost, nothing may be written half, no request may be
// answered twice or written twice, and the logs must stay whole.
func TestSchedules(t *testing.T) {
	if newServer(t).standIn == nil {
		t.Skip("SKIPPED: a real server cannot be told to fail; see the failover tests")
	}
	first, n := uint64(1), *schedules
	if testing.Short() {
		n = min(n, 50)
	}
	if *scheduleSeed != 0 {
		first, n = *scheduleSeed, 1
	}
	var fired atomic.Int64
	seeds := make(chan uint64)
	var wait sync.WaitGroup
	for range 24 { // mostly they wait for the driver to look at the server again
		server := newServer(t)
		wait.Go(func() {
			for seed := range seeds {
				fired.Add(int64(runSchedule(t, server, seed)))
			}
		})
	}
	for i := range uint64(n) {
		seeds <- first + i
	}
	close(seeds)
	wait.Wait()
	if fired.Load() < int64(n/2) && *scheduleSeed == 0 {
		t.Errorf("only %d faults in %d schedules: they test too little", fired.Load(), n)
	}
	t.Logf("%d schedules, %d commands failed", n, fired.Load())
}

// schedule is one run: clients that write while commands fail.
type schedule struct {
	t       *testing.T
	seed    uint64
	store   *Store
	sealer  *ledgerbridge.Sealer
	mu      sync.Mutex
	answers []answer
}

// answer is what one request was told.
type answer struct {
	refs    []fhir.Ref // that it wrote, all or none; none for a read's record
	version int64      // of all of them
	access  bool
	guarded bool // a conditional create: only one of all may be there
	receipt ledgerbridge.Receipt
	err     error
}

// Errorf tells which schedule failed.
func (s *schedule) Errorf(format string, a ...any) {
	s.t.Errorf("%s\n\tgo test ./store/mongo -run TestSchedules -schedule-seed=%d", fmt.Sprintf(format, a...), s.seed)
}

func runSchedule(t *testing.T, server *server, seed uint64) (fired int) {
	r := rand.New(rand.NewPCG(seed, 1))
	o := testOptions(fmt.Sprintf("schedule%d", seed))
	o.Patience = time.Duration(1+r.IntN(3000)) * time.Millisecond
	s := &schedule{t: t, seed: seed}
	var err error
	if s.store, err = Open(context.Background(), server.uri, o); err != nil {
		s.Errorf("open: %v", err)
		return 0
	}
	defer s.store.Close()
	if s.sealer, err = storetest.NewSealer(); err != nil {
		s.Errorf("%v", err)
		return 0
	}
	var rules []*mongotest.Rule
	for range 1 + r.IntN(4) {
		rules = append(rules, server.standIn.Fail(mongotest.Fault{
			Command: commandsOfWrites[r.IntN(len(commandsOfWrites))], Do: actions[r.IntN(len(actions))],
			Nth: 1 + r.IntN(8), Times: 1 + r.IntN(4),
		}))
	}
	var wait sync.WaitGroup
	for client := range 1 + r.IntN(6) {
		plan := rand.New(rand.NewPCG(seed, uint64(client)+2))
		wait.Go(func() { s.client(client, plan) })
	}
	wait.Wait()
	for _, rule := range rules {
		fired += rule.Fired()
		rule.Remove()
	}
	s.store.opts.Patience = time.Minute
	s.check()
	return fired
}

// client writes a few times: records of reads, creates of one to three resources,
// Consents among them, updates of its own, and conditional creates that all clients try.
func (s *schedule) client(n int, r *rand.Rand) {
	var mine []fhir.Ref // version 1 was acknowledged
	patient := fmt.Sprintf("Patient/%d", n)
	tried, consents := 0, 0 // changes with Consents of the patient, and those acknowledged
	for i := range 1 + r.IntN(5) {
		entry, err := storetest.Record(s.sealer, "create", "C", 201, patient)
		if err != nil {
			s.Errorf("%v", err)
			return
		}
		c, a := store.Change{Entry: entry}, answer{version: 1}
		write := func(ref fhir.Ref, expect int64) {
			c.Writes = append(c.Writes, smallWrite(ref, expect, n))
			a.refs = append(a.refs, ref)
		}
		switch kind := r.IntN(8); {
		case kind < 2:
			receipt, err := s.store.Record(context.Background(), entry, store.Judged{Keys: []string{patient}})
			if consents > 0 && err == nil || tried == 0 && errors.Is(err, store.ErrChanged) {
				s.Errorf("judged before %d changes of Consents, of which %d were acknowledged, a record ended with %v", tried, consents, err)
			}
			if !errors.Is(err, store.ErrChanged) {
				s.note(answer{access: true, receipt: receipt, err: err})
			}
			continue
		case kind < 4:
			a.guarded = true
			write(fhir.Ref{Type: "Patient", ID: fmt.Sprintf("c%d-%d", n, i)}, 0)
			c.Writes[0].Index.Keys = append(c.Writes[0].Index.Keys, onlyOne.Key)
			c.Guards = []store.Guard{{Query: &search.Query{Type: "Patient", Where: search.All{onlyOne}}}}
		case kind < 6 && len(mine) > 0:
			a.version = 2
			write(mine[0], 1)
			mine = mine[1:]
		default:
			for k := range 1 + r.IntN(3) {
				write(fhir.Ref{Type: []string{"Observation", "Consent"}[r.IntN(2)], ID: fmt.Sprintf("c%d-%d-%d", n, i, k)}, 0)
			}
		}
		consent := slices.ContainsFunc(a.refs, func(r fhir.Ref) bool { return r.Type == "Consent" })
		if consent {
			tried++
		}
		a.receipt, a.err = s.store.Commit(context.Background(), c)
		if a.err == nil && consent {
			consents++
		}
		if a.err == nil && a.version == 1 && !a.guarded {
			mine = append(mine, a.refs...)
		}
		s.note(a)
	}
}

// onlyOne is what every conditional create looks for and makes.
var onlyOne = search.HasKey{Key: "identifier=mrn|1"}

func smallWrite(ref fhir.Ref, expect int64, patient int) store.Write {
	body := fmt.Appendf(nil, `{"resourceType":%q,"id":%q,"meta":{"versionId":"%d"}}`, ref.Type, ref.ID, expect+1)
	return store.Write{
		Ref: ref, Expect: expect, LastUpdated: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Method: "POST", Owner: storetest.Organization,
		Body: body, Hash: sha256.Sum256(body), Index: &search.Index{Keys: []string{"_id=" + ref.ID}},
		Facts: fhir.Facts{Type: ref.Type, ID: ref.ID, Patients: []string{fmt.Sprintf("Patient/%d", patient)}},
	}
}

func (s *schedule) note(a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, a)
	var known *fhir.Error
	if a.guarded && errors.Is(a.err, store.ErrChanged) {
		return
	}
	if a.err != nil && (!errors.As(a.err, &known) || known.Kind != fhir.Unavailable) {
		s.Errorf("a request failed with %v", a.err)
	}
}

func (s *schedule) check() {
	changes, accesses := s.store.Logs()
	written, read := s.rows(changes), s.rows(accesses)
	answered := map[string]map[int64]bool{changes.Source(): {}, accesses.Source(): {}}
	perEntry := map[int64][]fhir.Ref{}
	for _, a := range s.answers {
		rows := written
		if a.access {
			rows = read
		}
		if a.err == nil {
			s.acknowledged(a, rows)
			if answered[a.receipt.Source][a.receipt.Seq] {
				s.Errorf("two requests were given the entry %s/%d", a.receipt.Source, a.receipt.Seq)
			}
			answered[a.receipt.Source][a.receipt.Seq] = true
		}
		s.whole(a, perEntry)
	}
	s.counted(written, perEntry)
	s.one()
}

// one checks that of all conditional creates at most one took place, and that those
// that were told that something had changed did nothing.
func (s *schedule) one() {
	there, refused := 0, false
	for _, a := range s.answers {
		if !a.guarded {
			continue
		}
		_, err := s.store.Get(context.Background(), a.refs[0])
		changed := errors.Is(a.err, store.ErrChanged)
		refused = refused || changed
		switch {
		case err == nil && changed:
			s.Errorf("%s was refused and is there", a.refs[0])
		case err == nil:
			there++
		case !errors.Is(err, store.ErrNotFound):
			s.Errorf("read %s: %v", a.refs[0], err)
		}
	}
	if there > 1 || refused && there != 1 {
		s.Errorf("%d conditional creates took place", there)
	}
}

// acknowledged checks that what a receipt promises is there.
func (s *schedule) acknowledged(a answer, rows []ledgerbridge.Row) {
	if a.receipt.Seq >= int64(len(rows)) || rows[a.receipt.Seq].Commitment != a.receipt.Commitment {
		s.Errorf("the entry of %s is not in the log", a.receipt)
	}
	for _, ref := range a.refs {
		v, err := s.store.GetVersion(context.Background(), ref, a.version)
		if err != nil || v.Seq != a.receipt.Seq || v.Source != a.receipt.Source {
			s.Errorf("%s was acknowledged with %s and is version %d of entry %d: %v", ref, a.receipt, v.Version, v.Seq, err)
		}
	}
}

// whole checks that of one request all was written, once, or nothing.
func (s *schedule) whole(a answer, perEntry map[int64][]fhir.Ref) {
	var seqs []int64
	for _, ref := range a.refs {
		v, err := s.store.GetVersion(context.Background(), ref, a.version)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			s.Errorf("read %s: %v", ref, err)
			continue
		}
		seqs = append(seqs, v.Seq)
		perEntry[v.Seq] = append(perEntry[v.Seq], ref)
		s.current(ref)
	}
	if len(seqs) != 0 && (len(seqs) != len(a.refs) || slices.Min(seqs) != slices.Max(seqs)) {
		s.Errorf("of %v only a part is there, of the entries %v", a.refs, seqs)
	}
}

// current checks that the current version is the last of the history.
func (s *schedule) current(ref fhir.Ref) {
	now, err := s.store.Get(context.Background(), ref)
	if err != nil {
		s.Errorf("read %s: %v", ref, err)
		return
	}
	last, err := s.store.GetVersion(context.Background(), ref, now.Version)
	_, next := s.store.GetVersion(context.Background(), ref, now.Version+1)
	if err != nil || last.Seq != now.Seq || last.Hash != now.Hash || !errors.Is(next, store.ErrNotFound) {
		s.Errorf("the current version of %s is not the last of its history: %v, %v", ref, err, next)
	}
}

// counted checks that each entry wrote something, and that the Consents were counted.
func (s *schedule) counted(written []ledgerbridge.Row, perEntry map[int64][]fhir.Ref) {
	epochs := int64(0)
	for seq := range written {
		refs := perEntry[int64(seq)]
		if len(refs) == 0 {
			s.Errorf("the entry %d wrote nothing", seq)
		}
		if slices.ContainsFunc(refs, func(r fhir.Ref) bool { return r.Type == "Consent" }) {
			epochs++
		}
	}
	_, epoch, err := s.store.ConsentChanges(context.Background(), 0)
	if err != nil || epoch != epochs {
		s.Errorf("the consent epoch is %d, want %d: %v", epoch, epochs, err)
	}
}

func (s *schedule) rows(log ledgerbridge.Log) (rows []ledgerbridge.Row) {
	size, err := log.Size(context.Background())
	if err != nil {
		s.Errorf("size of the log: %v", err)
	}
	err = log.Rows(context.Background(), 0, size, func(row ledgerbridge.Row) error {
		rows = append(rows, row)
		return ledgerbridge.CheckRow(log.Source(), int64(len(rows))-1, &row)
	})
	if err != nil || int64(len(rows)) != size {
		s.Errorf("%s has size %d and %d rows: %v", log.Source(), size, len(rows), err)
	}
	return rows
}
