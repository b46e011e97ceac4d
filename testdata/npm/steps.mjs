// What the scripts of all clients share: where the server is, who asks, and the names of
// the steps, which TestClients compares with those it wants.
export const base = process.env.ACESO_BASE;
export const token = process.env.ACESO_TOKEN;

// step does something with a client, and says so when it is done.
export async function step(name, what) {
  try {
    await what();
  } catch (error) {
    const answer = error?.response?.data ?? error?.outcome ?? error?.data ?? '';
    console.error(`${name}: ${error?.stack ?? JSON.stringify(error)}\n${JSON.stringify(answer)}`);
    process.exit(1);
  }
  console.log(name);
}

let number = 0;

// patient is one whom no other step knows.
export function patient(family = 'Client') {
  number += 1;
  return {
    resourceType: 'Patient',
    identifier: [{ system: 'urn:example:client', value: `${process.pid}-${number}` }],
    name: [{ family, given: ['Ada'] }],
    birthDate: '1970-01-01',
  };
}

// observation is a result of a patient.
export function observation(subject, value) {
  return {
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] },
    subject: { reference: `Patient/${subject}` },
    valueQuantity: { value, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
  };
}

// bundle has one entry for each request.
export function bundle(type, ...requests) {
  return {
    resourceType: 'Bundle',
    type,
    entry: requests.map(([method, url, resource]) => ({ request: { method, url }, ...(resource && { resource }) })),
  };
}

// criterion finds a patient by its identifier.
export function criterion(of) {
  return `${of.identifier[0].system}|${of.identifier[0].value}`;
}
