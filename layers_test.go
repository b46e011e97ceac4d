package aceso_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/aceso-health/aceso"

// mayImport says which packages of this module each package may import. A new
// package must be added here. Tests may import more.
var mayImport = map[string][]string{
	"cmd/aceso": {"*"},
	"node":      {"*"},

	"node/nodetest": {"fhir", "ledgerbridge", "server"}, // clients for tests; never linked into the binary

	"server":      {"access", "agent", "auth", "auth/oauth", "auth/session", "emergency", "fhir", "fhir/patch", "fhir/search", "fhir/terminology", "fhir/xml", "kept", "policy/replay", "policy/revision", "purge", "web", "wording"},
	"auth":        {"agent", "auth/jwks", "fhir"},
	"auth/oauth":  {"agent", "auth", "auth/jwks", "fhir", "kept"},
	"access":      {"access/fair", "agent", "consent", "fhir", "fhir/custom", "fhir/search", "fhir/terminology", "fhir/validate", "labels", "ledgerbridge", "policy", "store"},
	"access/fair": {}, // turns of long work
	"auth/jwks":   {}, // key sets of others

	"auth/session":             {"agent", "auth/oauth", "fhir", "kept"},
	"kept/kepttest":            {"kept"}, // a Keeper for tests; never linked into the binary
	"auth/session/sessiontest": {},       // an OpenID provider for tests; never linked into the binary

	"audit":         {"fhir", "ledgerbridge", "store"},
	"consent":       {"agent", "fhir", "labels"},
	"labels":        {"fhir"}, // which security labels there are
	"policy":        {"agent", "fhir", "fhir/search", "labels"},
	"kept":          {"agent"},                           // what the server keeps beside resources
	"quorum":        {"agent", "fhir", "kept"},           // who may be the second of two persons
	"purge":         {"agent", "fhir", "kept", "quorum"}, // what is removed for good
	"emergency":     {"agent", "fhir", "kept"},           // who sets aside what protects a patient
	"agent":         {},                                  // what a verified token says of its caller
	"labels/office": {"agent", "fhir", "kept", "labels"},
	"keyring":       {"durable"},
	"durable":       {}, // files that appear whole

	"policy/narrow": {"agent", "consent", "fhir", "policy"}, // proofs about policies

	"policy/replay":   {"policy"},                                    // what a draft would have decided
	"policy/revision": {"agent", "fhir", "kept", "policy", "quorum"}, // who wrote and approved which policies

	"store/group":     {},
	"store":           {"fhir", "fhir/search", "ledgerbridge"},
	"store/storetest": {"fhir", "fhir/custom", "fhir/search", "ledgerbridge", "store"},
	"store/search":    {"fhir", "fhir/search", "store"},
	"store/sqlite":    {"durable", "fhir", "fhir/search", "ledgerbridge", "store", "store/group", "store/search"},
	"store/mongo":     {"fhir", "fhir/search", "ledgerbridge", "store", "store/group", "store/search"},

	"store/mongo/mongotest": {}, // a stand-in for tests; never linked into the binary

	"canonical":                {}, // RFC 8785
	"ledgerbridge":             {"canonical", "fhir"},
	"ledgerbridge/certificate": {"ledgerbridge"},
	"ledgerbridge/logtest":     {"fhir", "ledgerbridge"},
	"ledgerbridge/local":       {"durable", "ledgerbridge"},
	"ledgerbridge/chaincode":   {},
	"ledgerbridge/fabric":      {"durable", "ledgerbridge", "ledgerbridge/chaincode"}, // the arguments and answers of the contract
	"ledgerbridge/devnet":      {"durable", "ledgerbridge/fabric"},                    // writes connection profiles

	"ledgerbridge/devnet/devnettest": {"ledgerbridge/chaincode", "ledgerbridge/devnet"}, // networks for tests; never linked into the binary

	"demo/app": {}, // a sample app

	"therapy":           {"therapy/engine"},
	"therapy/engine":    {"canonical"}, // runs in the contract of a channel, too
	"therapy/handover":  {"therapy/engine"},
	"therapy/invariant": {}, // shares nothing with the engine that it checks

	"wording": {}, // sentences in several languages

	"demo": {}, // documents of a synthetic hospital

	"web":       {"web/paper"}, // templates and styles
	"web/paper": {},            // PDF documents

	"fhir":                 {},
	"fhir/search":          {"fhir", "fhir/ucum"},
	"fhir/fhirpath":        {"fhir", "fhir/ucum"},
	"fhir/custom":          {"fhir", "fhir/fhirpath", "fhir/search"},
	"fhir/patch":           {"fhir", "fhir/fhirpath"},
	"fhir/ucum":            {}, // units that convert
	"fhir/terminology":     {"fhir"},
	"fhir/validate":        {"fhir", "fhir/fhirpath"},
	"fhir/xml":             {"fhir"},
	"fhir/terminology/gen": {"fhir/terminology"}, // writes what it embeds
	"fhir/fhirtest":        {},                   // test data and processor time for tests; never linked into the binary
	"fhir/balptest":        {},                   // the rules of IHE BALP for tests; never linked into the binary
	"fhir/gen":             {"fhir"},             // writes the definitions

	"fhir/fhirpath/gen": {"fhir"}, // writes the official cases
}

// onlyIn says which packages a library may appear in. Other libraries are free.
var onlyIn = map[string][]string{
	"github.com/RoaringBitmap/roaring":         {"store/search"},
	"github.com/gin-gonic/gin":                 {"server"},
	"github.com/open-policy-agent":             {"policy", "policy/narrow"},
	"zombiezen.com/go/sqlite":                  {"store/sqlite"},
	"modernc.org/sqlite":                       {"store/sqlite"},
	"github.com/samply/golang-fhir-models":     {"fhir", "consent"},
	"github.com/hyperledger/fabric-chaincode-": {"ledgerbridge/chaincode"},
	"github.com/hyperledger/fabric-protos-go-": {"ledgerbridge/chaincode", "ledgerbridge/fabric", "ledgerbridge/devnet"},
	"github.com/hyperledger/fabric-gateway":    {"ledgerbridge/fabric", "ledgerbridge/devnet"},
	"github.com/hyperledger/fabric-admin-sdk":  {"ledgerbridge/devnet"},
	"google.golang.org/grpc":                   {"ledgerbridge/chaincode", "ledgerbridge/fabric", "ledgerbridge/devnet"},
	"go.mongodb.org/mongo-driver":              {"store/mongo", "store/mongo/mongotest"},
}

func TestLayers(t *testing.T) {
	found, err := packages(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 5 {
		t.Fatalf("only %d packages found: the test looks in the wrong place", len(found))
	}
	for _, v := range violations(found) {
		t.Error(v)
	}
}

// The test must be able to fail.
func TestLayersNotices(t *testing.T) {
	for name, test := range map[string]struct{ file, imports, says string }{
		"server and store":      {"server/read.go", module + "/store", "server must not import store"},
		"server and sqlite":     {"server/read.go", module + "/store/sqlite", "server must not import store/sqlite"},
		"server and policy":     {"server/read.go", module + "/policy", "server must not import policy"},
		"server and consent":    {"server/read.go", module + "/consent", "server must not import consent"},
		"server and records":    {"server/read.go", module + "/ledgerbridge", "server must not import ledgerbridge"},
		"fhir and anything":     {"fhir/x.go", module + "/store", "fhir must not import store"},
		"fhir and its search":   {"fhir/x.go", module + "/fhir/search", "fhir must not import fhir/search"},
		"tokens and the gate":   {"auth/x.go", module + "/access", "auth must not import access"},
		"agents and anything":   {"agent/x.go", module + "/fhir", "agent must not import fhir"},
		"store and gate":        {"store/sqlite/x.go", module + "/access", "store/sqlite must not import access"},
		"gate and operators":    {"access/x.go", module + "/audit", "access must not import audit"},
		"operators and gate":    {"audit/x.go", module + "/access", "audit must not import access"},
		"cmd and the node":      {"node/x.go", module + "/cmd/aceso", "node must not import cmd/aceso"},
		"the node and its part": {"server/x.go", module + "/node", "server must not import node"},
		"nobody imports cmd":    {"server/x.go", module + "/cmd/aceso", "server must not import cmd/aceso"},
		"gin in the gate":       {"access/x.go", "github.com/gin-gonic/gin", "access must not import github.com/gin-gonic/gin"},
		"gin's parts, too":      {"access/x.go", "github.com/gin-gonic/gin/binding", "access must not import"},
		"OPA in the gate":       {"access/x.go", "github.com/open-policy-agent/opa/v1/rego", "access must not import"},
		"SQLite in the command": {"cmd/aceso/x.go", "zombiezen.com/go/sqlite/sqlitex", "cmd/aceso must not import"},
		"Fabric in the server":  {"server/x.go", "github.com/hyperledger/fabric-protos-go-apiv2/peer", "server must not import"},
		"shim in the bridge":    {"ledgerbridge/local/x.go", "github.com/hyperledger/fabric-chaincode-go/v2/shim", "ledgerbridge/local must not import"},
		"driver in the gate":    {"access/x.go", "go.mongodb.org/mongo-driver/v2/mongo", "access must not import"},
		"gateway in the core":   {"ledgerbridge/x.go", "github.com/hyperledger/fabric-gateway/pkg/client", "ledgerbridge must not import"},
		"contract and records":  {"ledgerbridge/chaincode/x.go", module + "/ledgerbridge", "ledgerbridge/chaincode must not import ledgerbridge"},
		"gRPC in the command":   {"cmd/aceso/x.go", "google.golang.org/grpc", "cmd/aceso must not import"},
		"samply in the server":  {"server/x.go", "github.com/samply/golang-fhir-models/fhir-models/fhir", "server must not import"},
		"a new package":         {"helpers/x.go", "fmt", "helpers is not in the table"},
	} {
		tree := fstest.MapFS{test.file: {Data: []byte("package p\nimport _ " + strconv.Quote(test.imports))}}
		found, err := packages(tree)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(violations(found), "\n")
		if !strings.Contains(got, test.says) {
			t.Errorf("%s: says %q, want %q", name, got, test.says)
		}
	}
	allowed := fstest.MapFS{
		"server/read.go":      {Data: []byte("package p\nimport _ " + strconv.Quote(module+"/access"))},
		"server/read_test.go": {Data: []byte("package p\nimport _ " + strconv.Quote(module+"/store"))},
	}
	if found, err := packages(allowed); err != nil || len(violations(found)) > 0 {
		t.Errorf("what is allowed: %v, %v", violations(found), err)
	}
}

// packages lists the imports of every package in a tree, without tests, test data
// and nested modules.
func packages(tree fs.FS) (map[string][]string, error) {
	found := map[string][]string{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skip(tree, name)
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		imports, err := importsOf(tree, name)
		found[path.Dir(name)] = append(found[path.Dir(name)], imports...)
		return err
	})
	return found, err
}

func skip(tree fs.FS, dir string) error {
	base := path.Base(dir)
	if dir == "." {
		return nil
	}
	if base == "testdata" || base[0] == '.' || base[0] == '_' {
		return fs.SkipDir
	}
	if _, err := fs.Stat(tree, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func importsOf(tree fs.FS, name string) ([]string, error) {
	source, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var imports []string
	for _, i := range file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return nil, err
		}
		imports = append(imports, p)
	}
	return imports, nil
}

func violations(found map[string][]string) (list []string) {
	for pkg, imports := range found {
		allowed, known := mayImport[pkg]
		if !known {
			list = append(list, pkg+" is not in the table of layers_test.go")
			continue
		}
		for _, i := range imports {
			if own, ok := strings.CutPrefix(i, module+"/"); ok && !mayImportOwn(pkg, allowed, own) {
				list = append(list, fmt.Sprintf("%s must not import %s", pkg, own))
			}
			if !mayImportLibrary(pkg, i) {
				list = append(list, fmt.Sprintf("%s must not import %s", pkg, i))
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// mayImportOwn: nobody imports a command, and only commands import the node.
func mayImportOwn(pkg string, allowed []string, own string) bool {
	if own == "node" {
		return strings.HasPrefix(pkg, "cmd/")
	}
	return slices.Contains(allowed, own) || slices.Contains(allowed, "*") && !strings.HasPrefix(own, "cmd/")
}

func mayImportLibrary(pkg, library string) bool {
	for prefix, places := range onlyIn {
		if strings.HasPrefix(library, prefix) && !slices.Contains(places, pkg) {
			return false
		}
	}
	return true
}
