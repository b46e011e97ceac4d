package revision

import (
	"context"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy"
)

// More is what some steps need besides the revision.
type More struct {
	Version       int64    `json:"version,omitempty"`       // that was looked at; 0: any
	Impact        string   `json:"impact,omitempty"`        // hash of the report, to submit
	Organizations []string `json:"organizations,omitempty"` // of a canary
}

// Step takes a step by its name: check, test, impact, submit, approve, withdraw, activate,
// emergency, shadow, canary. It returns the revision, the report, or what is in force.
func (s *Service) Step(ctx context.Context, by By, name, hash string, more More) (any, error) {
	switch name {
	case "check":
		return s.Check(ctx, by, hash)
	case "test":
		return s.Test(ctx, by, hash)
	case "impact":
		return s.Impact(ctx, by, hash)
	case "submit":
		return s.Submit(ctx, by, hash, more.Version, more.Impact)
	case "approve":
		return s.Approve(ctx, by, hash, more.Version)
	case "withdraw":
		return s.Withdraw(ctx, by, hash, more.Version)
	case "activate":
		return s.Activate(ctx, by, hash)
	case "emergency":
		return s.Emergency(ctx, by, hash)
	case "shadow":
		return s.Shadow(ctx, by, hash)
	case "canary":
		return s.Canary(ctx, by, hash, more.Organizations)
	}
	return nil, &fhir.Error{Kind: fhir.NotFound, Detail: "There is no such step. The steps are check, test, impact, submit, approve, withdraw, activate, emergency, shadow and canary."}
}

// Watched says what the shadow has decided otherwise on this node, nil if there is none.
func (s *Service) Watched(ctx context.Context, by By) (*policy.Shadowing, error) {
	if err := s.reads(ctx, by, "shadow"); err != nil {
		return nil, err
	}
	if s.Shadowing == nil {
		return nil, nil
	}
	return s.Shadowing(), nil
}
