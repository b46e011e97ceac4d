package policy_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/aceso-health/aceso/policy"
)

// An unpacked archive has the revision of the packed folder, and decides.
func TestArchive(t *testing.T) {
	revision, archive, err := policy.Pack(policy.Base())
	if err != nil {
		t.Fatal(err)
	}
	folder, err := policy.Unpack(archive)
	if err != nil {
		t.Fatal(err)
	}
	e, err := policy.New(context.Background(), folder, policy.Options{})
	if err != nil || e.Revision() != revision {
		t.Fatalf("revision %s, %v", revision, err)
	}
	if again, _, err := policy.Pack(folder); err != nil || again != revision {
		t.Errorf("packed again it is revision %s, %v", again, err)
	}
	if _, _, err := policy.Pack(fstest.MapFS{"x.txt": {Data: []byte("x")}}); err == nil {
		t.Error("a folder without policies was packed")
	}
	if _, err := policy.Unpack(archive[:len(archive)/2]); err == nil {
		t.Error("half an archive was unpacked")
	}
}
