package devnet_test

import (
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge/devnet"
	"github.com/aceso-health/aceso/ledgerbridge/devnet/devnettest"
)

func TestOneOrganisation(t *testing.T) {
	n := devnettest.Start(t, devnet.Options{})
	m := join(t, n, "org1")
	s := m.register("n1")
	s.anchor()
	m.awaitSize(s.origin, 1)
}

func TestThreeOrganisations(t *testing.T) {
	n := devnettest.Start(t, devnet.Options{Orgs: devnet.OrgNames(3)})
	m := join(t, n, "org2")
	s := m.register("n1")
	s.anchor()
	for _, org := range devnet.OrgNames(3) {
		join(t, n, org).awaitSize(s.origin, 1)
	}
}
