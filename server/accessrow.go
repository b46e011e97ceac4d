package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/web"
)

// auditDoc is what a page needs of an AuditEvent, as the gate renders it
// (docs/audit-events.md).
type auditDoc struct {
	ID        string
	Recorded  time.Time
	Type      auditCode
	Subtype   []auditCode
	Outcome   string
	Extension []struct{ URL, ValueString string }
	Agent     []struct {
		Name         string
		Requestor    bool
		Who          struct{ Reference, Display string }
		Role         []struct{ Coding []auditCode }
		Type         struct{ Coding []auditCode }
		PurposeOfUse []struct{ Coding []auditCode }
	}
	Entity []struct {
		What struct {
			Reference  string
			Identifier struct{ Value string }
		}
		Type  auditCode
		Role  auditCode
		Query string
	}
}

type auditCode struct{ System, Code, Display string }

// readAccesses reads what a search for AuditEvents finds as rows of a page.
func readAccesses(result *access.Result) (rows []web.Access, err error) {
	for i := range result.Matches {
		row, err := readAccess(result.Matches[i].Body)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// readAccess reads an AuditEvent as a row of a page.
func readAccess(body []byte) (row web.Access, err error) {
	var doc auditDoc
	if err := json.Unmarshal(body, &doc); err != nil {
		return row, fmt.Errorf("an AuditEvent that was rendered: %w", err)
	}
	row = web.Access{ID: doc.ID, At: doc.Recorded, Failed: doc.Outcome != "" && doc.Outcome != "0"}
	if n := len(doc.Subtype); n > 0 {
		row.What = doc.Subtype[n-1].Code // the most exact one comes last
	}
	for _, x := range doc.Extension {
		switch x.URL[strings.LastIndexByte(x.URL, '/')+1:] {
		case "decision":
			row.Decision = x.ValueString
		case "reason":
			row.Reason = x.ValueString
		case "record":
			row.Receipt = x.ValueString
		}
	}
	doc.agents(&row)
	doc.entities(&row)
	return row, nil
}

func (d *auditDoc) agents(row *web.Access) {
	for _, a := range d.Agent {
		switch {
		case a.Requestor:
			row.Agent, row.Who = a.Who.Reference, a.Name
			if row.Agent == "" {
				row.Agent = a.Who.Display
			}
			if row.Who == "" {
				row.Who = row.Agent
			}
			if len(a.Role) > 0 && len(a.Role[0].Coding) > 0 {
				row.Role = a.Role[0].Coding[0].Code
			}
			if len(a.PurposeOfUse) > 0 && len(a.PurposeOfUse[0].Coding) > 0 {
				row.Purpose = a.PurposeOfUse[0].Coding[0].Code
			}
		case strings.HasPrefix(a.Who.Reference, "Organization/"):
			row.Organization = strings.TrimPrefix(a.Who.Reference, "Organization/")
		}
	}
}

func (d *auditDoc) entities(row *web.Access) {
	for _, e := range d.Entity {
		switch {
		case e.Type.Code == "XrequestId":
			row.Request = e.What.Identifier.Value
		case e.Role.Code == "1" && e.What.Reference != "":
			row.Patients = append(row.Patients, web.Named{ID: e.What.Reference, Words: e.What.Reference})
		case e.Role.Code == "24":
			if asked, err := base64.StdEncoding.DecodeString(e.Query); err == nil {
				row.Asked = string(asked)
			}
		case e.Role.Code == "13":
			row.Consents = append(row.Consents, e.What.Reference)
		case e.Role.Code == "4" && !strings.HasPrefix(e.What.Reference, "#"):
			row.Data = append(row.Data, e.What.Reference)
		}
	}
}
