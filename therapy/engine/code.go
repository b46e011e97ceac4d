package engine

// Code says why something was not accepted. Codes are stable: machines read them.
type Code string

// The codes. Malformed and GateVolume stand beside those of the specification.
const (
	PatientMismatch  Code = "PATIENT_MISMATCH"
	COIMismatch      Code = "COI_MISMATCH"
	OrderMismatch    Code = "ORDER_MISMATCH"
	GateTwoIDs       Code = "GATE_TWO_IDS"
	GateLabelRecon   Code = "GATE_LABEL_RECON"
	GateLineClear    Code = "GATE_LINE_CLEAR"
	GateQC           Code = "GATE_QC"
	GateESig         Code = "GATE_ESIG"
	GateTwoPerson    Code = "GATE_TWO_PERSON"
	GateIdentityTest Code = "GATE_IDENTITY_TEST"
	GateVolume       Code = "GATE_VOLUME"
	HandoverMismatch Code = "HANDOVER_MISMATCH"
	NoRelease        Code = "NO_RELEASE"
	AlreadyPending   Code = "ALREADY_PENDING"
	NotCustodian     Code = "NOT_CUSTODIAN"
	LateAccept       Code = "LATE_ACCEPT"
	WrongCourier     Code = "WRONG_COURIER"
	WrongReceiver    Code = "WRONG_RECEIVER"
	WrongPlace       Code = "WRONG_PLACE"
	RoleDenied       Code = "ROLE_DENIED"
	Locked           Code = "LOCKED"
	HoldTime         Code = "HOLD_TIME"
	Expired          Code = "EXPIRED"
	ThawWindow       Code = "THAW_WINDOW"
	OnHold           Code = "ON_HOLD"
	NotReleased      Code = "NOT_RELEASED"
	NotReady         Code = "NOT_READY"
	SensorGap        Code = "SENSOR_GAP"
	SensorReplay     Code = "SENSOR_REPLAY"
	BindingMismatch  Code = "BINDING_MISMATCH"
	ClockSkew        Code = "CLOCK_SKEW"
	StaleHead        Code = "STALE_HEAD"
	BadSignature     Code = "BAD_SIGNATURE"
	KeyRevoked       Code = "KEY_REVOKED"
	NoConsent        Code = "NO_CONSENT"
	JourneyInactive  Code = "JOURNEY_INACTIVE"
	Superseded       Code = "SUPERSEDED"
	Closed           Code = "CLOSED"
	CustodyInFlight  Code = "CUSTODY_IN_FLIGHT"
	WrongState       Code = "WRONG_STATE"
	SelfApproval     Code = "SELF_APPROVAL"
	OOSNotRequested  Code = "OOS_NOT_REQUESTED"
	DoubleUse        Code = "DOUBLE_USE"
	DefMismatch      Code = "DEF_MISMATCH"
	Replay           Code = "REPLAY"
	UnknownBag       Code = "UNKNOWN_BAG"
	WrongProduct     Code = "WRONG_PRODUCT"
	Malformed        Code = "MALFORMED"
)

// Codes of holds and alarms that no attempt caused.
const (
	transportReview  Code = "TRANSPORT_REVIEW"
	transportReject  Code = "TRANSPORT_REJECT"
	patientMerged    Code = "PATIENT_MERGED"
	patientDied      Code = "PATIENT_DIED"
	consentWithdrawn Code = "CONSENT_WITHDRAWN"
	escapeUsed       Code = "ESCAPE_USED"
	quarantined      Code = "QUARANTINED"
	notifyAuthority  Code = "NOTIFY_AUTHORITY" // a release out of specification: within 48 hours
	acceptOverdue    Code = "ACCEPT_OVERDUE"
	releaseRanOut    Code = "RELEASE_RAN_OUT"
)

// weight is what a rejected attempt says about the cells.
type weight int

const (
	procedural weight = iota // the step did not happen, and nothing is in doubt: an alarm
	doubtful                 // a person of quality must look before it goes on: a hold
	critical                 // what a release rested on may be wrong: a hold that suspends it
)

// weightOf is procedural for codes that are not listed.
func weightOf(c Code) weight {
	switch c {
	case HandoverMismatch, BindingMismatch, DoubleUse, transportReject, patientMerged, escapeUsed:
		return critical
	case PatientMismatch, COIMismatch, OrderMismatch, WrongProduct, GateLabelRecon, GateVolume, LateAccept,
		WrongCourier, WrongReceiver, WrongPlace, HoldTime, Expired, ThawWindow, SensorGap, SensorReplay,
		StaleHead, transportReview, quarantined:
		return doubtful
	}
	return procedural
}
