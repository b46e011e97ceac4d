package web

import (
	"strings"
	"unicode"
)

// kinds are types whose name says little to those who are not of the field.
var kinds = map[string]string{
	"*": "All kinds of data", "Observation": "Observations (measurements, laboratory results)", "Condition": "Conditions (problems, diagnoses)",
	"MedicationRequest": "Medication requests (prescriptions)", "AllergyIntolerance": "Allergies and intolerances", "DiagnosticReport": "Diagnostic reports",
	"DocumentReference": "Documents", "Binary": "Files", "Encounter": "Encounters (visits, stays)", "Patient": "Personal data (name, birth date, address)",
	"Immunization": "Immunizations (vaccinations)", "Coverage": "Insurance", "ServiceRequest": "Orders and referrals", "Appointment": "Appointments",
}

// Kind names a resource type for readers.
func Kind(typ string) string {
	if words, ok := kinds[typ]; ok {
		return words
	}
	var b strings.Builder
	for i, r := range typ {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte(' ')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Actions says what the letters of a scope allow.
func Actions(letters string) string {
	var words []string
	for _, l := range letters {
		if w := map[rune]string{'c': "add", 'r': "read", 'u': "change", 'd': "delete", 's': "search"}[l]; w != "" {
			words = append(words, w)
		}
	}
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

// Whose says whose data a scope's context means.
func Whose(context string) string {
	switch context {
	case "patient":
		return "of the one patient"
	case "user":
		return "of everybody whose data you may see"
	}
	return "of everybody"
}

// beside are the scopes that are not about data.
var beside = map[string]string{
	"openid": "It learns who you are: your name in this server.", "fhirUser": "It learns which person of the records you are.", "profile": "It learns your name.",
	"launch": "It learns which patient and visit you have open.", "launch/patient": "It learns which patient you choose.", "launch/encounter": "It learns which visit is meant.",
}

// Beside puts a scope that is not about data into words, "" if it needs none.
func Beside(scope string) string { return beside[scope] }

// purposes of use that have a name here; others are shown by their code.
var purposes = map[string]string{
	"TREAT": "Treatment", "ETREAT": "Emergency treatment", "BTG": "Break the glass", "HPAYMT": "Payment", "HOPERAT": "Operation of the house", "HRESCH": "Research",
	"PATRQT": "At the patient's request", "PUBHLTH": "Public health", "HMARKT": "Marketing", "COC": "Coordination of care", "FAMRQT": "At the family's request",
	"CLINTRCH": "Clinical trial research", "PATADMIN": "Administration of patients", "HQUALIMP": "Quality improvement",
}

// Purpose names a purpose of use.
func Purpose(code string) string {
	if words, ok := purposes[code]; ok {
		return words
	}
	return code
}
