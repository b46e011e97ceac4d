package access

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// Problem is a patient whose Consents somebody should look at.
type Problem struct {
	Patient        string
	Unreadable     []string // Consents in force that are not understood, and therefore hide
	Doubtful       []string // that can be read in several ways
	Contradictions []consent.Contradiction
}

// Problems are such patients, and how many there are in all.
type Problems struct {
	Patients                           []Problem
	Next                               string // ask for those after this patient; "": there are no more
	Unreadable, Doubtful, Contradicted int    // patients
	Consents                           int    // that were looked at
	More                               bool   // there are more Consents, or more provisions, than one answer looks at
}

// MostProblemConsents is how many Consents an answer about problems looks at.
const MostProblemConsents = 200_000

// errEnough ends a visit.
var errEnough = errors.New("enough")

// ConsentProblems lists patients whose Consents in force contradict each other, are not
// understood, or can be read in several ways: count of them, those after a patient. Only
// Consents are looked at that the caller may read.
func (g *Gate) ConsentProblems(ctx context.Context, c *Call, after string, count int) (*Problems, error) {
	return answer(ctx, g, c, func(r *review) (*Problems, error) {
		r.part(ledgerbridge.Everyone) // the numbers are about all
		if _, err := r.ask(ctx, question{"consent-problems", "r", ""}); err != nil {
			return nil, err
		}
		var found *Problems
		err := r.turns(ctx, r.call.spend(), func(ctx context.Context) (err error) {
			found, err = r.problems(ctx, after, min(max(count, 1), mostConcerned))
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, p := range found.Patients {
			r.concern([]string{p.Patient})
		}
		r.entry.Count = int64(len(found.Patients))
		return found, nil
	})
}

// suspect is what is known of a patient's Consents before they are compared.
type suspect struct {
	permit, deny         bool
	consents             []string // names of those that the caller may read
	unreadable, doubtful []string
	epoch                int64
}

func (r *review) problems(ctx context.Context, after string, count int) (*Problems, error) {
	found := &Problems{}
	all, err := r.suspects(ctx, found)
	if err != nil {
		return nil, err
	}
	for _, patient := range slices.Sorted(maps.Keys(all)) {
		is := all[patient]
		p := Problem{Patient: patient, Unreadable: is.unreadable, Doubtful: is.doubtful}
		if is.permit && is.deny {
			if p.Contradictions, err = r.contradictions(ctx, patient, is, found); err != nil {
				return nil, err
			}
		}
		if !found.add(&p) || patient <= after {
			continue
		}
		if len(found.Patients) < count {
			found.Patients = append(found.Patients, p)
		} else if found.Next == "" {
			found.Next = found.Patients[count-1].Patient
		}
	}
	return found, nil
}

// add counts a patient, and says whether there is a problem.
func (f *Problems) add(p *Problem) bool {
	for _, one := range []struct {
		is bool
		n  *int
	}{{len(p.Unreadable) > 0, &f.Unreadable}, {len(p.Doubtful) > 0, &f.Doubtful}, {len(p.Contradictions) > 0, &f.Contradicted}} {
		if one.is {
			*one.n++
		}
	}
	return len(p.Unreadable)+len(p.Doubtful)+len(p.Contradictions) > 0
}

// suspects reads all Consents that the caller may read.
func (r *review) suspects(ctx context.Context, found *Problems) (map[string]*suspect, error) {
	all := map[string]*suspect{}
	err := r.gate.Store.EachConsent(ctx, func(versions []store.Version, epoch int64) error {
		for i := range versions {
			if found.Consents >= MostProblemConsents {
				found.More = true
				return errEnough
			}
			v := &versions[i]
			may, err := r.row(ctx, question{"read", "r", v.Ref.Type}, rowOf(v))
			if err != nil {
				return err
			}
			if !may {
				continue
			}
			found.Consents++
			note(all, v, r.gate.Consents.Compiler, epoch)
		}
		return ctx.Err()
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, unavailable("consents cannot be read", err)
	}
	return all, nil
}

// note adds a Consent to what is known of its patients.
func note(all map[string]*suspect, v *Version, compiler consent.Compiler, epoch int64) {
	rules, _ := compiler.Compile(v.Ref, v.Version, v.Body) // what is not understood stands in the rules
	if !rules.Active {
		return
	}
	permit, deny := rules.Speaks()
	for _, patient := range v.Facts.Patients {
		is := all[patient]
		if is == nil {
			is = &suspect{}
			all[patient] = is
		}
		is.permit, is.deny, is.epoch = is.permit || permit, is.deny || deny, max(is.epoch, epoch)
		is.consents = append(is.consents, rules.Name())
		if !rules.Understood() {
			is.unreadable = append(is.unreadable, rules.Name())
		} else if len(rules.Warnings) > 0 {
			is.doubtful = append(is.doubtful, rules.Name())
		}
	}
}

// contradictions are those of a patient's Consents that the caller may read.
func (r *review) contradictions(ctx context.Context, patient string, is *suspect, found *Problems) ([]consent.Contradiction, error) {
	rules, err := r.gate.Consents.Rules(ctx, patient, is.epoch)
	if err != nil {
		return nil, unavailable("consents cannot be read", err)
	}
	rules = slices.DeleteFunc(slices.Clone(rules), func(one *consent.Rules) bool { return !slices.Contains(is.consents, one.Name()) })
	s := r.subject
	s.Now, r.directory.ctx = r.now, ctx
	all, more := consent.Contradict(rules, s)
	found.More = found.More || more
	if err := r.directory.err; err != nil {
		return nil, unavailable("consents cannot be read", err)
	}
	return all, nil
}
