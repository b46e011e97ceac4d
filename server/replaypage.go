package server

import (
	"cmp"
	"context"
	"regexp"
	"strings"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy/replay"
	"github.com/aceso-health/aceso/policy/revision"
	"github.com/aceso-health/aceso/web"
)

// replayOf is what the page of an impact shows of a replay. Patients are shown by the
// records of the samples alone, which the record of the replay names.
func replayOf(r *replay.Report) *web.ImpactReplay {
	if r == nil {
		return nil
	}
	n := func(i int) int64 { return int64(i) }
	page := &web.ImpactReplay{
		Records: n(r.Records), Decisions: n(r.Decisions), Differs: n(r.Differs), Permits: n(r.Permits), Denies: n(r.Denies), Other: n(r.Differs - r.Permits - r.Denies),
		Erased: n(r.Erased), NotKnown: n(r.NotKnown), Failed: n(r.Failed), Shown: n(r.Shown), Hidden: n(r.Hidden), NotJudged: n(r.NotJudged), MoreSamples: r.Differs > len(r.Samples),
	}
	for _, name := range []string{"role", "purpose", "type", "person"} {
		counts := web.ImpactCounts{Name: name, Full: len(r.By[name]) >= replay.MostListed}
		for _, one := range r.By[name] {
			counts.Counts = append(counts.Counts, web.ImpactCount{Value: one.Value, Count: n(one.Count)})
		}
		if len(counts.Counts) > 0 {
			page.By = append(page.By, counts)
		}
	}
	for _, l := range r.Logs {
		page.Logs = append(page.Logs, web.ImpactLog{Source: l.Source, Root: l.Root, From: l.From, Rows: l.To - l.From, Size: l.Size})
	}
	for i := range r.Samples {
		page.Samples = append(page.Samples, sampleOf(&r.Samples[i]))
	}
	return page
}

// sampleOf shows a past request. A proof is there only if it verified (ledgerbridge.Journal.Prove).
func sampleOf(d *replay.Difference) web.ImpactSample {
	return web.ImpactSample{
		Record: d.Record, At: d.Input.Now, Proven: len(d.Proof) > 0,
		Who: d.Input.Agent.Subject, Role: d.Input.Agent.Role, Purpose: d.Input.Purpose, Interaction: d.Input.Interaction, Type: d.Input.Type,
		What: strings.Join(d.What, ", "), Before: d.Before.InWords(), After: d.After.InWords(), Shown: d.Shown, Hidden: d.Hidden, Test: d.Test,
	}
}

// recordedTest finds the name of the test of a sample.
var recordedTest = regexp.MustCompile(`(?m)^test_(recorded_[a-z0-9_]{1,150}) if \{$`)

// keepSample adds the test of a sample to a revision, which is a draft then, as POST
// /admin/policies does. It returns the draft's hash.
func (s *server) keepSample(ctx context.Context, call *access.Call, hash, test string) (string, error) {
	test = strings.ReplaceAll(test, "\r\n", "\n") // as forms send lines
	named := recordedTest.FindStringSubmatch(test)
	if named == nil {
		return "", errForm
	}
	file := named[1] + "_test.rego"
	err := s.withPolicies(call, func(p *revision.Service, by revision.By) error {
		old, files, err := p.Read(ctx, by, hash)
		if err != nil {
			return err
		}
		if _, there := files[file]; there {
			return &fhir.Error{Kind: fhir.Conflict, Detail: "The revision has this record as a test already."}
		}
		why := cmp.Or(old.Reason, "Keep what was decided: "+named[1])
		r, err := p.Draft(ctx, by, revision.Draft{Base: hash, Files: map[string]*string{file: &test}, Reason: why, Origin: "officer"})
		if err == nil {
			hash = r.Hash
		}
		return err
	})
	return hash, err
}
