package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/demo"
	"github.com/aceso-health/aceso/demo/app"
	"github.com/aceso-health/aceso/node"
)

// demoApp is the sample app of a demonstration, at a port of its own: it is not the server's,
// and a browser keeps the two apart.
type demoApp struct {
	listener net.Listener
	origin   string
	server   *http.Server
}

// openDemoApp finds a port, at the same host as the server.
func openDemoApp(ctx context.Context, listen string) (*demoApp, error) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, fmt.Errorf("listen for the sample app: %w", err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if unspecified(host) {
		host = "localhost"
	}
	return &demoApp{listener: l, origin: "http://" + net.JoinHostPort(host, port)}, nil
}

// start registers the app and serves it. The doctor has a patient's record open.
func (a *demoApp) start(ctx context.Context, n *node.Node, doctor demoUser) error {
	if err := n.ReplaceClient(ctx, oauth.Client{
		ID: app.ClientID, Name: "Sample app", Kind: oauth.Public, Redirects: []string{a.origin + "/"}, Launch: a.origin + "/launch.html", Scopes: app.Scopes(),
		Purposes: []string{"TREAT", "PATRQT"}, Grants: []string{"authorization_code", "refresh_token"},
	}); err != nil {
		return err
	}
	a.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: app.Handler(app.Config{
		Base: n.Identity().BaseURL, Patient: demo.PatientID(1), Encounter: demo.PatientID(1) + "-visit-1",
		Launch: func(r *http.Request, patient, encounter string) (string, error) {
			return launchFor(r.Context(), n, doctor, patient, encounter)
		},
	})}
	go func() { _ = a.server.Serve(a.listener) }()
	return nil
}

// launchFor asks the server for a launch, as a hospital's system does for a doctor.
func launchFor(ctx context.Context, n *node.Node, doctor demoUser, patient, encounter string) (string, error) {
	token, err := n.Token(node.Grant{Role: agent.Practitioner, Purposes: doctor.Purposes[:1], Subject: doctor.Subject, Name: doctor.Name, Client: "aceso-demo", Expires: time.Minute}, time.Now())
	if err != nil {
		return "", err
	}
	type reference = map[string]string
	body, err := json.Marshal(map[string]any{"resourceType": "Parameters", "parameter": []any{
		map[string]any{"name": "patient", "valueReference": reference{"reference": "Patient/" + patient}},
		map[string]any{"name": "encounter", "valueReference": reference{"reference": "Encounter/" + encounter}},
		map[string]any{"name": "client", "valueString": app.ClientID},
	}})
	if err != nil {
		return "", err
	}
	status, answer := call(ctx, n.Handler(), token, http.MethodPost, "/fhir/$launch-context", body)
	var made struct {
		Parameter []struct{ ValueString string }
	}
	if err := json.Unmarshal(answer, &made); err != nil || status != http.StatusOK || len(made.Parameter) != 1 {
		return "", errors.Join(fmt.Errorf("launch: %d: %s", status, outcomeText(answer)), err)
	}
	return made.Parameter[0].ValueString, nil
}

// Close ends the app.
func (a *demoApp) Close() error {
	if a.server == nil {
		return a.listener.Close()
	}
	return a.server.Close()
}
