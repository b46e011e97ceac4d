package fhir

import (
	"fmt"
	"time"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// Capability says what a server can do, in plain fields.
type Capability struct {
	Software, Version string
	URL               string // base of the server
	Description       string
	Date              time.Time
	Formats           []string
	Patches           []string // media types of patches
	CORS              bool
	Security          string   // how to authenticate
	OAuth             []Param  // where apps go; none without an authorization server
	Documentation     string   // of what the statement has no element for
	Interactions      []string // of the system: transaction, batch, history-system ...
	Operations        []CapabilityOperation
	Resources         []ResourceCapability
}

// ResourceCapability says what a server can do with one resource type.
type ResourceCapability struct {
	Type         string
	Interactions []string // read, vread, update ...
	Versioned    bool     // has versions, which can be read; conditional read and delete
	Writable     bool     // can be created and updated, conditionally and under an id of the client's, too
	Note         string   // what clients should know beside
	Search       []CapabilityParam
	Includes     []string // Observation:subject ...
	RevIncludes  []string
	Operations   []CapabilityOperation
}

// CapabilityParam is one search parameter.
type CapabilityParam struct{ Name, Type, Definition string }

// CapabilityOperation is one operation, such as $verify.
type CapabilityOperation struct{ Name, Definition string }

// Bytes builds the CapabilityStatement.
func (c *Capability) Bytes() ([]byte, error) {
	rest, err := c.rest()
	if err != nil {
		return nil, fmt.Errorf("build CapabilityStatement: %w", err)
	}
	return encode(struct {
		ResourceType string `json:"resourceType"`
		r4.OtherCapabilityStatement
	}{"CapabilityStatement", r4.OtherCapabilityStatement{
		Name:           &c.Software,
		Status:         r4.PublicationStatusActive,
		Date:           instant(c.Date),
		Kind:           r4.CapabilityStatementKindInstance,
		FhirVersion:    r4.FHIRVersion4_0_1,
		Format:         c.Formats,
		PatchFormat:    c.Patches,
		Software:       &r4.CapabilityStatementSoftware{Name: c.Software, Version: &c.Version},
		Implementation: &r4.CapabilityStatementImplementation{Description: c.Description, Url: &c.URL},
		Rest:           []r4.CapabilityStatementRest{rest},
	}})
}

const securityService = "http://terminology.hl7.org/CodeSystem/restful-security-service"

// oauthURIs is the extension of SMART that has them.
func oauthURIs(all []Param) []r4.Extension {
	if len(all) == 0 {
		return nil
	}
	const smart = "http://fhir-registry.smarthealthit.org/StructureDefinition/"
	uris := r4.Extension{Url: smart + "oauth-uris"}
	for _, u := range all {
		uris.Extension = append(uris.Extension, r4.Extension{Url: u.Name, ValueUri: &u.Value})
	}
	return []r4.Extension{uris}
}

func (c *Capability) rest() (r4.CapabilityStatementRest, error) {
	service := concept(securityService, "OAuth", "OAuth")
	if len(c.OAuth) > 0 {
		service = concept(securityService, "SMART-on-FHIR", "SMART-on-FHIR")
	}
	rest := r4.CapabilityStatementRest{
		Mode: r4.RestfulCapabilityModeServer,
		Security: &r4.CapabilityStatementRestSecurity{
			Cors: &c.CORS, Description: &c.Security,
			Service: []r4.CodeableConcept{service}, Extension: oauthURIs(c.OAuth),
		},
		Documentation: text(c.Documentation),
		Operation:     operations(c.Operations),
	}
	for _, name := range c.Interactions {
		var i r4.CapabilityStatementRestInteraction
		if err := i.Code.UnmarshalJSON([]byte(name)); err != nil {
			return rest, err
		}
		rest.Interaction = append(rest.Interaction, i)
	}
	for i := range c.Resources {
		resource, err := c.Resources[i].build()
		if err != nil {
			return rest, err
		}
		rest.Resource = append(rest.Resource, resource)
	}
	return rest, nil
}

func (c *ResourceCapability) build() (r4.CapabilityStatementRestResource, error) {
	r := r4.CapabilityStatementRestResource{
		SearchInclude: c.Includes, SearchRevInclude: c.RevIncludes,
		Documentation: text(c.Note), Operation: operations(c.Operations),
	}
	if err := r.Type.UnmarshalJSON([]byte(c.Type)); err != nil {
		return r, err
	}
	c.versions(&r)
	for _, name := range c.Interactions {
		var i r4.CapabilityStatementRestResourceInteraction
		if err := i.Code.UnmarshalJSON([]byte(name)); err != nil {
			return r, err
		}
		r.Interaction = append(r.Interaction, i)
	}
	for _, p := range c.Search {
		param := r4.CapabilityStatementRestResourceSearchParam{Name: p.Name, Definition: text(p.Definition)}
		if err := param.Type.UnmarshalJSON([]byte(p.Type)); err != nil {
			return r, err
		}
		r.SearchParam = append(r.SearchParam, param)
	}
	return r, nil
}

// versions says what can be done with versions, and under conditions.
func (c *ResourceCapability) versions(r *r4.CapabilityStatementRestResource) {
	policy, yes := r4.ResourceVersionPolicyNoVersion, true
	if c.Versioned {
		read, multiple := r4.ConditionalReadStatusFullSupport, r4.ConditionalDeleteStatusMultiple
		policy, r.ReadHistory, r.ConditionalRead, r.ConditionalDelete = r4.ResourceVersionPolicyVersioned, &yes, &read, &multiple
	}
	r.Versioning = &policy
	if c.Writable {
		r.UpdateCreate, r.ConditionalCreate, r.ConditionalUpdate = &yes, &yes, &yes
	}
}

func operations(all []CapabilityOperation) []r4.CapabilityStatementRestResourceOperation {
	var list []r4.CapabilityStatementRestResourceOperation
	for _, o := range all {
		list = append(list, r4.CapabilityStatementRestResourceOperation{Name: o.Name, Definition: o.Definition})
	}
	return list
}

// OperationURL is the canonical URL of an operation of this server.
func OperationURL(name string) string {
	return "https://aceso.health/fhir/OperationDefinition/" + name
}
