package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/node"
)

const userArguments = "add LOGIN | passwd LOGIN | list | remove LOGIN"

// userJob is one run of the command.
type userJob struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	data           string
	database       node.Database
	user           oauth.User
	purposes       string
	random         bool
}

// userCommand changes the local users, who sign in on the pages with a password.
func userCommand(args []string, stdout, stderr io.Writer) int {
	j := userJob{stdin: os.Stdin, stdout: stdout, stderr: stderr}
	return j.run(args)
}

func (j *userJob) run(args []string) int {
	f := j.flags()
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if err := checkDatabase(j.database); err != nil {
		return misuse(j.stderr, "user", "%v", err)
	}
	act, err := j.act(rest)
	if err != nil {
		return misuse(j.stderr, "user", "%v", err)
	}
	data, err := node.OpenFolder(j.data)
	if err != nil {
		return fail(j.stderr, "user", err)
	}
	receipts, err := node.ChangeUsers(context.Background(), data, j.database, act)
	return showReceipts(j.stderr, "user", receipts, err)
}

func (j *userJob) flags() *flag.FlagSet {
	f := newFlags("user", userArguments, j.stderr)
	f.StringVar(&j.data, "data", defaultData, "data `folder` of the server, which must be stopped unless it is on a database")
	databaseFlags(f, &j.database)
	f.StringVar(&j.user.Role, "role", "", "practitioner, patient, privacy-officer or administrator")
	f.StringVar(&j.user.Subject, "subject", "", "who, for example Practitioner/12 (default: the login)")
	f.StringVar(&j.user.Name, "name", "", "display `name`")
	f.StringVar(&j.user.Organization, "org", "", "`organisation` (default: that of the node)")
	f.StringVar(&j.user.Patient, "patient", "", "`id` of the patient for role patient")
	f.StringVar(&j.purposes, "purpose", "", "purposes of use (`codes`, separated by commas; default: TREAT, PATRQT or HOPERAT by role)")
	f.BoolVar(&j.random, "random", false, "make a password and print it, instead of asking for one")
	return f
}

// act is what is to be done.
func (j *userJob) act(rest []string) (func(*session.Users, *kept.Call) error, error) {
	ctx := context.Background()
	if len(rest) == 1 && rest[0] == "list" {
		return func(u *session.Users, c *kept.Call) error { return u.Each(ctx, c, j.show) }, nil
	}
	if len(rest) != 2 {
		return nil, errors.New("usage: aceso user " + userArguments)
	}
	j.user.Login = strings.ToLower(rest[1])
	switch rest[0] {
	case "add":
		j.complete()
		if err := session.CheckUser(&j.user); err != nil {
			return nil, err
		}
		return j.withPassword(func(u *session.Users, c *kept.Call, password string) error { return u.Add(ctx, c, j.user, password) })
	case "passwd":
		return j.withPassword(func(u *session.Users, c *kept.Call, password string) error {
			return u.SetPassword(ctx, c, rest[1], password)
		})
	case "remove":
		return func(u *session.Users, c *kept.Call) error { return u.Remove(ctx, c, rest[1]) }, nil
	}
	return nil, errors.New("usage: aceso user " + userArguments)
}

// complete fills in what follows from the role.
func (j *userJob) complete() {
	usual := map[string]string{agent.Practitioner: "TREAT", agent.Patient: "PATRQT", agent.PrivacyOfficer: "HOPERAT", agent.Administrator: "HOPERAT"}
	u := &j.user
	u.Purposes = split(cmp.Or(j.purposes, usual[u.Role]))
	if u.Patient != "" {
		u.Patient = "Patient/" + strings.TrimPrefix(u.Patient, "Patient/")
	}
	u.Subject = cmp.Or(u.Subject, u.Patient, u.Login)
}

// withPassword asks for the password before anything is opened.
func (j *userJob) withPassword(do func(*session.Users, *kept.Call, string) error) (func(*session.Users, *kept.Call) error, error) {
	password, err := j.password()
	if err != nil {
		return nil, err
	}
	return func(u *session.Users, c *kept.Call) error {
		if err := do(u, c, password); err != nil {
			return err
		}
		if j.random {
			fmt.Fprintln(j.stdout, password)
		}
		return nil
	}, nil
}

// password is a random one, what is typed twice at a terminal, or the first line of the
// standard input. It is never an argument: others can see those.
func (j *userJob) password() (string, error) {
	if j.random {
		return session.NewPassword(), nil
	}
	password, err := j.ask("Password: ")
	if err != nil {
		return "", err
	}
	if err := session.CheckPassword(password); err != nil {
		return "", err
	}
	if f, ok := j.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if again, err := j.ask("Once more: "); err != nil || again != password {
			return "", errors.Join(errors.New("the two passwords differ"), err)
		}
	}
	return password, nil
}

func (j *userJob) ask(prompt string) (string, error) {
	if f, ok := j.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(j.stderr, prompt)
		typed, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(j.stderr)
		return string(typed), err
	}
	line, err := bufio.NewReader(io.LimitReader(j.stdin, 4*session.MaxPassword)).ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || line == "") {
		return "", errors.New("the password is read from the standard input, which is empty; --random makes one")
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func (j *userJob) show(u oauth.User) error {
	_, err := fmt.Fprintf(j.stdout, "%s\t%s\t%s\t%s\t%s\n", u.Login, u.Role, u.Subject, strings.Join(u.Purposes, ","), u.Name)
	return err
}
