package emergency

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/kept"
)

// End ends an emergency before its time: whose it is, or an officer. The next request no
// longer sees what it opened, on every node.
func (d *Desk) End(ctx context.Context, call *kept.Call, who agent.Agent, id string) error {
	one, row, err := d.caseOf(ctx, id)
	e := kept.Event{Interaction: "break-glass-review", Agent: who, Detail: url.Values{"emergency": {id}, "end": {"now"}}.Encode(), Patient: one.Patient}
	if err == nil && strings.HasPrefix(one.Key, who.Mark()+".") {
		e.Interaction = "break-glass"
	}
	if err != nil {
		return d.inVain(ctx, call, e, err)
	}
	now := d.Now().UTC().Truncate(time.Second)
	if !one.Runs(now) {
		return d.inVain(ctx, call, e, Error("This emergency is over."))
	}
	running, err := d.Keeper.Kept(ctx, runningSpace, one.Key)
	if err != nil && !errors.Is(err, kept.ErrNotFound) {
		return err
	}
	one.Ended = &now
	rows, err := d.changed(one, row)
	if running.Version > 0 {
		rows = append(rows, kept.Row{Space: runningSpace, Key: one.Key, Version: running.Version})
	}
	if err != nil {
		return err
	}
	return d.Keeper.Commit(ctx, call, e, rows...)
}

// Judge closes a case with a judgement. Nobody judges her own emergency, and none is judged
// while it runs or a second time.
func (d *Desk) Judge(ctx context.Context, call *kept.Call, who agent.Agent, id, judgement, text string) error {
	text = strings.TrimSpace(text)
	one, row, err := d.caseOf(ctx, id)
	now := d.Now().UTC().Truncate(time.Second)
	e := kept.Event{Interaction: "break-glass-review", Agent: who, Patient: one.Patient,
		Detail: url.Values{"emergency": {id}, "judgement": {judgement}, "text": {text}}.Encode()}
	if err == nil {
		err = judgeable(&one, who, judgement, text, now)
	}
	if err != nil {
		return d.inVain(ctx, call, e, err)
	}
	one.Review = &Review{By: who.Person(), At: now, Judgement: judgement, Text: text}
	rows, err := d.changed(one, row)
	if err != nil {
		return err
	}
	rows[0].Expires = now.Add(keptFor)
	return d.Keeper.Commit(ctx, call, e, rows...)
}

func judgeable(one *Case, who agent.Agent, judgement, text string, now time.Time) error {
	switch {
	case one.By.Same(who.Person()):
		return Error("Nobody judges her own emergency: another officer must.")
	case one.Review != nil:
		return Error("This emergency has been judged.")
	case one.Runs(now):
		return Error("This emergency is running. End it, then judge it.")
	case judgement != Justified && judgement != Unjustified:
		return Error("The judgement is justified or unjustified.")
	}
	return readable(text, "why you judge so")
}

// inVain asks the policy about what cannot be done, so that who may not do it learns
// nothing else, and records it with the status of the answer.
func (d *Desk) inVain(ctx context.Context, call *kept.Call, e kept.Event, why error) error {
	if len(e.Detail) > 4*MostText {
		e.Detail = ""
	}
	switch known := Error(""); {
	case errors.As(why, &known):
		e.Status = 422
	case errors.Is(why, kept.ErrNotFound):
		e.Status = 404
	default:
		return why
	}
	if err := d.Keeper.Commit(ctx, call, e); err != nil {
		return err
	}
	return why
}

func (d *Desk) changed(one Case, row kept.Row) ([]kept.Row, error) {
	value, err := json.Marshal(one)
	return []kept.Row{{Space: caseSpace, Key: one.ID, Value: value, Version: row.Version}}, err
}
