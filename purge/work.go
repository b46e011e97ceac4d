package purge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

// resourcesAtOnce is how many resources go in one step.
const resourcesAtOnce = 100

// Work goes on with every purge as far as it can. It is called again and again, also after
// a crash: what is done is in the row of the purge.
func (p *Purges) Work(ctx context.Context) error {
	var failed []error
	err := kept.Each(ctx, p.Keeper, Space, func(row kept.Row) error {
		u, err := purgeOf(row)
		if err == nil {
			err = p.goOn(ctx, u)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failed = append(failed, err)
		return nil
	})
	return errors.Join(append(failed, err)...)
}

func (p *Purges) goOn(ctx context.Context, u *Purge) (err error) {
	call := &kept.Call{Request: "purge-" + u.ID}
	switch {
	case u.Records != nil && (u.State == Approved || u.State == Removing):
		err = p.eraseRecords(ctx, call, u)
	case u.State == Looking:
		err = p.look(ctx, call, u)
	case u.State == Approved:
		if err = p.held(ctx, u.Patient); err == nil {
			err = p.begin(ctx, call, u)
		}
	case u.State == Removing:
		err = p.remove(ctx, call, u)
	default:
		return nil
	}
	var known *fhir.Error
	if err == nil || !errors.As(err, &known) || known.Kind == fhir.Unavailable {
		return err
	}
	return p.stuck(ctx, call, u, known.Detail)
}

// stuck says why a purge does not go on. One that cannot be looked for ends; others wait,
// as for the end of a hold.
func (p *Purges) stuck(ctx context.Context, call *kept.Call, u *Purge, why string) error {
	if u.Problem == why {
		return nil
	}
	u.Problem = why
	if u.State == Looking {
		u.State, u.Ended = Dropped, p.Now().UTC()
	}
	return p.put(ctx, call, p.own(u, "problem"), u)
}

// own is an event of a purge that goes on by itself.
func (p *Purges) own(u *Purge, step string) kept.Event {
	return event(u.Agent.agent(), u.Patient, u.detail(step))
}

// look finds what goes, and waits for approval.
func (p *Purges) look(ctx context.Context, call *kept.Call, u *Purge) error {
	preview, err := p.preview(ctx, call, u)
	if err != nil {
		return err
	}
	u.Preview, u.State, u.Problem = preview, Asked, ""
	return p.put(ctx, call, p.own(u, "looked"), u)
}

func (p *Purges) preview(ctx context.Context, call *kept.Call, u *Purge) (Preview, error) {
	rules, _, err := p.Rules(ctx)
	if err != nil {
		return Preview{}, err
	}
	if u.Only != "" {
		return p.previewVersion(ctx, call, u, rules)
	}
	ref, err := fhir.ParseRef(u.Patient)
	if err != nil {
		return Preview{}, err
	}
	w := newWords(ref)
	err = p.Data.Look(ctx, call, u.Agent.agent(), u.Patient, ref, func(v *Version) error {
		w.learn(v.Body)
		return nil
	})
	if err != nil {
		return Preview{}, err
	}
	l := newLook(u.Patient, w, rules, p.Now())
	if err := p.Data.Look(ctx, call, u.Agent.agent(), u.Patient, fhir.Ref{}, l.take); err != nil {
		return Preview{}, err
	}
	preview := l.preview(u.decided())
	if len(preview.Mentions) > mostLines {
		return preview, refused(fhir.TooCostly, fmt.Sprintf("More than %d documents mention the patient by her id, names or identifiers: they cannot be decided line by line. Remove what mentions her by mistake first.", mostLines))
	}
	return preview, nil
}

// previewVersion is that of a single version.
func (p *Purges) previewVersion(ctx context.Context, call *kept.Call, u *Purge, rules Rules) (preview Preview, err error) {
	ref, version, err := subjectOf(u.Only)
	if err != nil {
		return preview, err
	}
	err = p.Data.Look(ctx, call, u.Agent.agent(), u.Patient, ref, func(v *Version) error {
		preview.Looked++
		if v.Version != version || v.Purged {
			return nil
		}
		preview.Versions, preview.Digest = 1, u.Only
		if why := rules.keeps(&resource{ref: ref, newest: v.At, owner: v.Owner}, p.Now()); why != "" {
			preview.Versions, preview.Kept = 0, []Line{{Ref: u.Only, Why: why, Owner: v.Owner}}
		}
		return nil
	})
	return preview, err
}

func (u *Purge) decided() map[string]bool {
	goes := map[string]bool{}
	for _, line := range u.Preview.Mentions {
		goes[line.Ref] = line.Goes
	}
	return goes
}

// begin looks once more: only what was approved goes.
func (p *Purges) begin(ctx context.Context, call *kept.Call, u *Purge) error {
	preview, err := p.preview(ctx, call, u)
	if err != nil {
		return err
	}
	if preview.Digest != u.Preview.Digest || preview.Versions == 0 {
		u.Preview, u.State, u.Problem = preview, Asked, "What goes has changed since it was approved. Look at it and approve it again."
		return p.put(ctx, call, p.own(u, "changed"), u)
	}
	u.Preview.resources = preview.resources
	u.State, u.Began, u.Problem = Removing, p.Now().UTC(), ""
	if err := p.put(ctx, call, p.own(u, "begin"), u); err != nil {
		return err
	}
	return p.remove(ctx, call, u)
}

// remove removes step by step. After a crash it looks for what is left; what came since it
// began stays.
func (p *Purges) remove(ctx context.Context, call *kept.Call, u *Purge) error {
	if u.Only != "" {
		return p.removeVersion(ctx, call, u)
	}
	left := u.Preview.resources
	if left == nil {
		preview, err := p.preview(ctx, call, u)
		if err != nil {
			return err
		}
		left = preview.resources
	}
	for len(left) > 0 {
		some := left[:min(len(left), resourcesAtOnce)]
		if err := p.step(ctx, call, u, Step{Whole: some}); err != nil {
			return err
		}
		left = left[len(some):]
	}
	return p.end(ctx, call, u)
}

func (p *Purges) removeVersion(ctx context.Context, call *kept.Call, u *Purge) error {
	ref, version, err := subjectOf(u.Only)
	if err == nil && u.Gone.Versions == 0 {
		err = p.step(ctx, call, u, Step{Ref: ref, Version: version})
	}
	if err != nil {
		return err
	}
	return p.end(ctx, call, u)
}

// step removes some, and notes it in the row of the purge: both or neither.
func (p *Purges) step(ctx context.Context, call *kept.Call, u *Purge, s Step) error {
	if err := p.held(ctx, u.Patient); err != nil {
		return err
	}
	next := *u
	s.Patient, s.Until, s.Detail = u.Patient, u.Began, u.detail("remove").Encode()
	s.Row = func(resources, versions int) (kept.Row, error) {
		next.Gone.Resources, next.Gone.Versions = u.Gone.Resources+resources, u.Gone.Versions+versions
		return next.row()
	}
	n := len(call.Receipts)
	if err := p.Data.Remove(ctx, call, u.Agent.agent(), s); err != nil {
		return err
	}
	next.version++
	next.Gone.Records = append(next.Gone.Records, call.Receipts[n:]...)
	*u = next
	return nil
}

// end overwrites what is left behind, and certifies.
func (p *Purges) end(ctx context.Context, call *kept.Call, u *Purge) error {
	if u.Only == "" {
		if err := p.removeRows(ctx, call, u); err != nil {
			return err
		}
	}
	if err := p.Data.Scrub(ctx); err != nil {
		return err
	}
	u.State, u.Ended, u.Problem = Done, p.Now().UTC(), ""
	if err := p.certify(ctx, u); err != nil {
		return err
	}
	return p.put(ctx, call, p.own(u, "done"), u)
}

// removeRows removes what the server keeps about her beside resources, such as the reasons
// of emergencies.
func (p *Purges) removeRows(ctx context.Context, call *kept.Call, u *Purge) error {
	var hers []kept.Row
	for _, space := range p.Beside {
		err := kept.Each(ctx, p.Keeper, space, func(row kept.Row) error {
			var about struct {
				Patient string `json:"patient"`
			}
			if err := json.Unmarshal(row.Value, &about); err != nil {
				return err
			}
			if about.Patient == u.Patient {
				hers = append(hers, kept.Row{Space: row.Space, Key: row.Key, Version: row.Version})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(hers) == 0 {
		return nil
	}
	return changed(p.Keeper.Commit(ctx, call, p.own(u, "remove beside"), hers...))
}

// certify signs the certificate.
func (p *Purges) certify(ctx context.Context, u *Purge) error {
	text, err := p.certificate(u)
	if err != nil {
		return err
	}
	u.Certificate, err = p.Sign(ctx, text, u.Gone.Records)
	return err
}

// CertificateTitle is the first line of a certificate.
const CertificateTitle = "aceso purge 1"

// certificate is the text that is signed: the title and a line of JSON. It says what went
// and what stays, not what was in it.
func (p *Purges) certificate(u *Purge) (string, error) {
	stays := map[string]int{"retention": len(u.Preview.Kept), "shared": len(u.Preview.Shared), "beyond": u.Preview.Beyond, "changed_meanwhile": u.Preview.Resources() - u.Gone.Resources}
	for _, m := range u.Preview.Mentions {
		if !m.Goes {
			stays["mentions"]++
		}
	}
	line, err := json.Marshal(struct {
		Organization string         `json:"organization"`
		Purge        string         `json:"purge"`
		Patient      string         `json:"patient,omitempty"`
		Version      string         `json:"version,omitempty"`
		Asked        time.Time      `json:"asked"`
		By           string         `json:"by"`
		Approved     time.Time      `json:"approved"`
		Approver     string         `json:"approver"`
		Ended        time.Time      `json:"ended"`
		Records      *Named         `json:"records,omitempty"`
		Gone         Gone           `json:"gone"`
		Types        map[string]int `json:"types,omitempty"`
		Stays        map[string]int `json:"stays"`
		Digest       string         `json:"digest"`
		Beyond       string         `json:"not_reached"`
	}{
		p.Organization, u.ID, u.Patient, u.Only, u.Asked, u.By.Subject, u.Approved, u.Approver.Subject, u.Ended, u.Records, u.Gone, u.Preview.Types, stays,
		u.Preview.Digest, "backups and copies, replicas' journals and oplogs, what others have received, and the file system's own remains",
	})
	return strings.Join([]string{CertificateTitle, string(line), ""}, "\n"), err
}
