package policy

import "github.com/open-policy-agent/opa/v1/ast"

// value builds the input document term by term: JSON would cost more than the
// decision.
func (in *Input) value() ast.Value {
	return object(
		field("agent", in.Agent.value()),
		field("purpose", ast.StringTerm(in.Purpose)),
		field("interaction", ast.StringTerm(in.Interaction)),
		field("action", ast.StringTerm(in.Action)),
		field("type", ast.StringTerm(in.Type)),
		field("node", ast.NewTerm(object(field("organization", ast.StringTerm(in.Node.Organization))))),
		field("now", ast.StringTerm(in.Now)),
	)
}

func (a *Agent) value() *ast.Term {
	scopes := make([]*ast.Term, len(a.Scopes))
	for i, s := range a.Scopes {
		scopes[i] = ast.NewTerm(object(
			field("context", ast.StringTerm(s.Context)),
			field("type", ast.StringTerm(s.Type)),
			field("actions", ast.StringTerm(s.Actions)),
		))
	}
	return ast.NewTerm(object(
		field("subject", ast.StringTerm(a.Subject)),
		field("role", ast.StringTerm(a.Role)),
		field("organization", ast.StringTerm(a.Organization)),
		field("patient", ast.StringTerm(a.Patient)),
		field("client", ast.StringTerm(a.Client)),
		field("scopes", ast.ArrayTerm(scopes...)),
	))
}

func object(fields ...[2]*ast.Term) ast.Value { return ast.NewObject(fields...) }

func field(name string, v *ast.Term) [2]*ast.Term { return [2]*ast.Term{ast.StringTerm(name), v} }
