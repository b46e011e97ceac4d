package server

import (
	"cmp"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/web"
)

// ledgerPage turns the gate's view into a page.
func ledgerPage(view *access.LedgerView) web.Ledger {
	page := web.Ledger{Organization: view.Organization, Node: view.Node, At: view.At}
	for _, s := range view.Sources {
		judged := judgements()[s.State]
		row := web.Source{
			Name: s.Source, Unknown: s.State == access.SourceUnreadable, Size: s.Size, Checkpointed: s.Checkpointed, Until: s.Until, Local: !s.Network && !s.Elsewhere, Elsewhere: s.Elsewhere,
			Waiting: s.Waiting, Newest: s.Newest, State: s.State, Tone: judged.tone, Alarm: judged.alarm,
		}
		if s.Anchor.Transaction != "" {
			row.Anchor = &web.Anchor{Size: s.Anchor.Size, Channel: s.Anchor.Channel, Transaction: s.Anchor.Transaction, Block: s.Anchor.Block}
		}
		if !s.Oldest.IsZero() {
			row.Age = max(0, view.At.Sub(s.Oldest))
		}
		page.Sources = append(page.Sources, row)
	}
	return page
}

// judgement is the tone of a source's state, and what tells operators what to do about
// it. The node's log has the causes.
type judgement struct {
	tone  web.Tone
	alarm string
}

func judgements() map[string]judgement {
	return map[string]judgement{
		access.SourceEmpty:        {web.Plain, ""},
		access.SourceUpToDate:     {web.Good, ""},
		access.SourceWaiting:      {web.Plain, ""},
		access.SourceLate:         {web.Warn, "Its records have been waiting for the ledger for longer than they should. The node's log says why."},
		access.SourceFailing:      {web.Bad, "The last attempt to make a checkpoint or to anchor it failed. The node goes on and tries again; its log says why."},
		access.SourceUnreadable:   {web.Bad, "Nothing can be said about it now. The node's log says why."},
		access.SourceContradicted: {web.Bad, "The ledger and this log cannot both be right. Nothing of it is anchored any more, and what this node shows may not be what it has recorded. Do not delete anything, and tell those responsible."},
	}
}

// proofOf turns a proof into a page: what the record says of the request, and of the
// patients no more than their number.
func proofOf(id string, c *access.Chain) web.Proof {
	e := c.Entry
	page := web.Proof{
		AuditEvent: id, Source: e.Source, Seq: e.Seq, Commitment: c.Receipt.Commitment, Leaf: c.Leaf,
		Size: c.Checkpoint.Size, Root: c.Checkpoint.Root, Checkpoint: string(c.Checkpoint.Note),
		At: e.Time, Waits: c.Waits(),
		Facts: []web.Fact{
			{Name: "Request", Value: strings.TrimSpace(e.Interaction + " " + e.Type)},
			{Name: "Answer", Value: strconv.FormatInt(e.Outcome, 10) + ", " + e.Decision + ": " + e.Reason},
			{Name: "Purpose", Value: e.Purpose},
			{Name: "By", Value: by(c)},
			{Name: "Resources", Value: strconv.FormatInt(e.Count, 10)},
			{Name: "Patients", Value: strconv.Itoa(c.Patients)},
			{Name: "Policies", Value: e.Policy, Mono: true},
			{Name: "AuditEvent", Value: id, Mono: true},
		},
	}
	for _, s := range c.Path {
		page.Path = append(page.Path, web.Step{
			Sibling: s.Sibling, Left: s.Left, BesideFrom: s.Beside.From, BesideTo: s.Beside.To,
			Node: s.Node, BelowFrom: s.Below.From, BelowTo: s.Below.To,
		})
	}
	if a := c.Anchor; a != nil {
		page.Anchor = &web.Anchor{Size: a.Size, Channel: a.Channel, Transaction: a.Transaction, Block: a.Block, Endorsements: c.Endorsements}
		if a.Evidence != nil {
			page.Anchor.BlockHash = hex.EncodeToString(a.BlockHash[:])
		}
	}
	return page
}

// by says who made the request, as far as the record still tells.
func by(c *access.Chain) string {
	if c.Request == nil {
		return c.Entry.Organization + ", pseudonym " + c.Entry.Agent
	}
	return strings.Join(given(c.Request.Name, c.Request.Agent, c.Request.Role, c.Entry.Organization, c.Entry.Client), ", ")
}

// whoIs names the reader of a page.
func whoIs(a agent.Agent) string {
	return strings.Join(given(cmp.Or(a.Name, a.Subject), a.Role, a.Organization, a.Purpose), " · ")
}

// given leaves out empty words and repetitions.
func given(words ...string) (some []string) {
	for _, w := range words {
		if w != "" && (len(some) == 0 || some[len(some)-1] != w) {
			some = append(some, w)
		}
	}
	return some
}
