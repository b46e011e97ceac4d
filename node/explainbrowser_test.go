package node

import "testing"

// The questions that an officer has every day are answered in a real browser, without
// scripts and with them: who saw a patient and why, why somebody was refused, and who could
// have read a record at a time. Each job says its clicks and its time.
func TestExplainJobsInABrowser(t *testing.T) {
	b, n := openBrowser(t), browsable(t)
	system, doctor := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT", func(g *Grant) { g.Name = "Ada Berg" })
	doctor.Get("/Patient/p1").Want(200)
	open := momentNow()
	system.Put("/Consent/all", privacyConsent("all", "p1", hidesAll)).Want(201)
	n.as("practitioner", "TREAT", func(g *Grant) { g.Subject, g.Name = "Practitioner/nurse", "Nora Noll" }).Get("/Patient/p1").Want(404)
	b.screen(1280, 900, "light")
	for _, scripts := range []string{"without scripts", "with scripts"} {
		b.job("who saw a patient last week and why, "+scripts, func() {
			b.arrives(n.Server.URL+"/ui/accesses", "officer")
			b.awaits("Who asked for what")
			b.types("#patient", "Patient/p1")
			b.types("#person", "Ada")
			b.presses("form.filters button")
			b.awaits("permitted")
			b.presses("table.rows tbody tr:last-child a[href^='/ui/explain']")
			b.awaits("and it was permitted")
			b.sees("own staff or system, treatment", "clinician.rego, line")
		})
		b.job("why a nurse was refused, "+scripts, func() {
			b.visit(n.Server.URL + "/ui/accesses")
			b.types("#person", "Nora")
			b.presses("form.filters button")
			b.awaits("row-refused")
			b.presses("table.rows tbody tr a[href^='/ui/explain']")
			b.awaits("and it was refused")
			b.sees("A Consent of Patient/p1 forbids it: Consent/all/_history/1", "clinician.rego, line")
		})
		b.job("who could read a record at a time, "+scripts, func() {
			b.visit(n.Server.URL + "/ui/explain")
			b.awaits("Could somebody read this?")
			b.types("#agent", "Practitioner/nurse")
			b.types("#of", "Patient/p1")
			b.types("#at", open)
			b.presses("form.consent button")
			b.awaits("could have read Patient/p1 for TREAT")
			b.sees("It is judged by what was in force and stored at that time")
		})
		b.scripts() // those of axe: the pages have none
	}
	b.looksAt("explain-past")
	if c := b.complaints(); len(c) > 0 {
		t.Errorf("the browser complains: %q", c)
	}
}
