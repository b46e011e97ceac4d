package engine

// The roles and states that the engine knows by name. All others are the definition's.
const (
	sponsor     = "sponsor"
	infused     = "infused"
	conditioned = "conditioned"
)

// gate is a condition of a step. It returns "" if it is met.
type gate struct {
	name  string
	takes []string // its parameters
	check func(x *act, g *Gate) Code
}

// gateOf finds a gate of the closed vocabulary, or nil.
func gateOf(name string) *gate {
	for i := range gates {
		if gates[i].name == name {
			return &gates[i]
		}
	}
	return nil
}

var gates = [...]gate{
	{"patient", []string{"of"}, patientGate},
	{"two_ids", []string{"of"}, twoIDsGate},
	{"coi", nil, coiGate},
	{"order", nil, orderGate},
	{"product", nil, productGate},
	{"consent", []string{"purpose"}, consentGate},
	{"label_recon", nil, labelReconGate},
	{"line_clear", nil, lineClearGate},
	{"qc", []string{"tests"}, qcGate},
	{"identity_test", nil, identityTestGate},
	{"esig", []string{"meaning", "within"}, esigGate},
	{"two_person", nil, twoPersonGate},
	{"not_maker", nil, notMakerGate},
	{"place", nil, placeGate},
	{"logger", nil, loggerGate},
	{"transport", nil, transportGate},
	{"no_hold", nil, noHoldGate},
	{"released", nil, releasedGate},
	{"at_site", []string{"role"}, atSiteGate},
	{"expiry", nil, expiryGate},
	{"permit", nil, permitGate},
	{"thaw_window", []string{"within"}, thawWindowGate},
}

// parameter of a gate.
type parameter struct {
	name string
	set  func(g *Gate) bool
}

var parameters = [...]parameter{
	{"purpose", func(g *Gate) bool { return g.Purpose == treatment || g.Purpose == data }},
	{"meaning", func(g *Gate) bool { return g.Meaning != "" }},
	{"of", func(g *Gate) bool { return g.Of == recipient || g.Of == donor }},
	{"role", func(g *Gate) bool { return g.Role != "" }},
	{"within", func(g *Gate) bool { return g.Within != 0 }},
	{"tests", func(g *Gate) bool { return len(g.Tests)+len(g.Late) > 0 }},
}

// The values of parameters.
const (
	treatment = "treatment"
	data      = "data"
	recipient = "recipient"
	donor     = "donor"
)

// action is what a step does. Its check changes nothing, and its effect never fails.
type action struct {
	name     string
	check    func(x *act) Code // nil: nothing beside the gates
	effect   func(x *act)
	flight   bool // goes on while custody is in flight
	pending  bool // needs custody in flight
	others   bool // is not the custodian's alone
	after    bool // goes on after the journey ended: what is left must still be dealt with
	children bool // makes other bags of this one
	denied   Code // of who has no role in it; "" is ROLE_DENIED
}

// actionOf finds an action of the closed vocabulary, or nil.
func actionOf(name string) *action {
	for i := range actions {
		if actions[i].name == name {
			return &actions[i]
		}
	}
	return nil
}

var actions = [...]action{
	{name: "order", effect: nothing},
	{name: "issue", check: mayIssue, effect: issue},
	{name: "collect", check: mayCollect, effect: collect},
	{name: "pack", effect: pack},
	{name: "give", check: mayGive, effect: give},
	{name: "carry", denied: WrongCourier, check: mayCarry, effect: carry, flight: true, pending: true, others: true, after: true},
	{name: "take", denied: WrongReceiver, check: mayTake, effect: take, flight: true, pending: true, others: true, after: true},
	{name: "cancel", check: mayCancel, effect: cancel, flight: true, pending: true, after: true},
	{name: "quarantine", effect: quarantine, flight: true, others: true, after: true},
	{name: "transport", check: mayTransport, effect: transport, after: true},
	{name: "make", check: mayMake, effect: produce, children: true},
	{name: "split", check: maySplit, effect: produce, children: true},
	{name: "test", check: mayTest, effect: test, flight: true, others: true, after: true},
	{name: "request", check: mayRequest, effect: request, others: true},
	{name: "approve", check: mayApprove, effect: approve, others: true},
	{name: "condition", effect: nothing, others: true},
	{name: "permit", check: mayPermit, effect: permit},
	{name: "thaw", effect: thaw},
	{name: "infuse", check: mayInfuse, effect: infuse},
	{name: "reconcile", check: mayReconcile, effect: discard, after: true},
	{name: "discard", effect: discard, after: true},
}

func nothing(*act) {}
