package aceso_test

func init() { mutants = append(mutants, policyMutants...) }

// policyMutants are the guards of policies as kept things, and of what needs two persons.
var policyMutants = []mutant{
	{"persons: a name in common is enough", "agent/person.go", "return slices.ContainsFunc(mine, func(name string) bool { return slices.Contains(theirs, name) })", "return p.Subject == other.Subject", "./agent", "TestAPersonStaysTheSame"},
	{"persons: nobody is anybody", "agent/person.go", "if len(mine) == 0 || len(theirs) == 0 {", "if false {", "./agent", "TestAPersonStaysTheSame"},
	{"persons: capitals make nobody another person", "agent/person.go", "strings.ToLower(strings.TrimSpace(name))", "name", "./agent", "TestAPersonStaysTheSame"},
	{"persons: what many share is no name", "agent/person.go", "&& !shared(ref)", "", "./agent", "TestColleaguesAreTwoPersons"},
	{"persons: roles lead to their practitioner", "access/person.go", "if v.Ref.Type == \"PractitionerRole\" {", "if false {", "./access", "TestPersonsAreLookedUp"},
	{"persons: who was recorded twice is one", "access/person.go", "if i.System != \"\" && i.Value != \"\" {", "if false {", "./access", "TestPersonsAreLookedUp"},
	{"quorum: another house approves nothing", "quorum/quorum.go", "case a.Organization != q.House:", "case false:", "./quorum", "TestTheSecondPersonIsAnotherOfficerOfTheHouse"},
	{"quorum: nobody approves the own work", "quorum/quorum.go", "case first.Same(second):", "case false:", "./quorum", "TestTheSecondPersonIsAnotherOfficerOfTheHouse"},
	{"quorum: persons are looked up", "quorum/quorum.go", "return q.People(ctx, a)", "return a.Person(), nil", "./quorum", "TestTheSecondPersonIsLookedUp"},
	{"quorum: only officers and the deputy approve", "quorum/quorum.go", "return second, q.deputises(ctx, second)", "return second, nil", "./quorum", "TestTheDeputyIsASecondPerson"},
	{"quorum: the deputy is one person", "quorum/quorum.go", "!(agent.Person{Subject: d.Subject}).Same(p) {", "d.Subject == \"\" {", "./quorum", "TestTheDeputyIsASecondPerson"},
}
