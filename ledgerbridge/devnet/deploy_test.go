package devnet_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge/devnet"
	"github.com/aceso-health/aceso/ledgerbridge/devnet/devnettest"
)

// Fabric's tools accept the configuration of deploy/compose.yaml. That containers run
// with it is not shown here.
func TestDeployedConfiguration(t *testing.T) {
	bin := devnettest.Complete(t, devnet.Options{}).Bin
	made := t.TempDir()
	for _, name := range []string{"configtx.yaml", "crypto-config.yaml"} {
		text := read(t, filepath.Join("..", "..", "deploy", "fabric", name))
		text = []byte(strings.ReplaceAll(string(text), "/made/", made+"/"))
		if err := os.WriteFile(filepath.Join(made, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range [][]string{
		{filepath.Join(bin, "cryptogen"), "generate", "--config", filepath.Join(made, "crypto-config.yaml"), "--output", filepath.Join(made, "crypto")},
		{filepath.Join(bin, "configtxgen"), "-configPath", made, "-profile", "Channel", "-channelID", devnet.Channel, "-outputBlock", filepath.Join(made, "channel.block")},
	} {
		if said, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(command[0]), err, said)
		}
	}
	compose := string(read(t, filepath.Join("..", "..", "deploy", "compose.yaml")))
	if builds := strings.Count(compose, "\n    build:"); builds != 2 {
		t.Errorf("two images are built by %d services", builds)
	}
	for _, org := range devnet.OrgNames(3) {
		for _, service := range []string{"peer-", "chaincode-", "node-"} {
			if !strings.Contains(compose, "\n  "+service+org+":\n") {
				t.Errorf("compose.yaml has no service %s%s", service, org)
			}
		}
	}
}
