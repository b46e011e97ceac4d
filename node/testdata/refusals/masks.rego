
house_obligations contains word if {
	input.purpose == "HPAYMT"
	some word in ["mask Patient.birthDate", "mask ValueSet.compose"]
}
