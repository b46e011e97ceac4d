import assert from 'node:assert/strict';
import { FetchFhirClient } from '@bonfhir/core/r4b';
import { base, bundle, criterion, observation, patient, step, token } from './steps.mjs';

// The client speaks R4B, and says so unless it is told what the server speaks.
const client = new FetchFhirClient({ baseUrl: base, auth: `Bearer ${token}`, acceptFhirVersion: '4.0' });
let ada;

await step('crud', async () => {
  ada = await client.create(patient());
  const updated = await client.update({ ...ada, birthDate: '1971-02-03' });
  assert.equal(updated.meta.versionId, '2');
  assert.equal((await client.read('Patient', ada.id)).birthDate, '1971-02-03');
  assert.equal((await client.vread('Patient', ada.id, '1')).birthDate, '1970-01-01');
  const gone = await client.create(patient());
  await client.delete('Patient', gone.id);
  await assert.rejects(client.read('Patient', gone.id), (e) => e.status === 410);
});
await step('patch', async () => {
  const patched = await client.patch('Patient', ada.id, (p) => p.replace('/birthDate', '1972-03-04'));
  assert.equal(patched.birthDate, '1972-03-04');
});
await step('history', async () => {
  assert.equal((await client.history('Patient', ada.id)).total, 3);
  assert.ok((await client.history('Patient')).searchMatch().length > 3);
});
await step('search', async () => {
  for (let i = 0; i < 7; i += 1) {
    await client.create(observation(ada.id, 60 + i));
  }
  const seen = new Set();
  await client.searchByPage('Observation', (s) => s.patient(`Patient/${ada.id}`)._count(3), (page) => {
    page.searchMatch().forEach((one) => seen.add(one.id));
  });
  assert.equal(seen.size, 7);
  const one = await client.searchOne('Patient', (s) => s._id(ada.id)._include('Patient', 'general-practitioner'));
  assert.equal(one.id, ada.id);
});
await step('batch', async () => {
  const answer = await client.batch(bundle('batch', ['GET', `Patient/${ada.id}`], ['GET', 'Patient/absent']));
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['200', '404']);
});
await step('transaction', async () => {
  const answer = await client.transaction(bundle('transaction', ['POST', 'Patient', patient()], ['POST', 'Observation', observation(ada.id, 70)]));
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['201', '201']);
});
await step('conditional', async () => {
  const body = patient();
  const identifier = criterion(body);
  const [created, isNew] = await client.createOr('return', body, `identifier=${identifier}`);
  const [found, isOld] = await client.createOr('return', body, `identifier=${identifier}`);
  assert.deepEqual([found.id, isNew, isOld], [created.id, true, false]);
});
await step('everything', async () => {
  const all = await client.execute({ operation: '$everything', resourceType: 'Patient', resourceId: ada.id, affectsState: false });
  assert.equal(all.entry.filter((entry) => entry.resource.resourceType === 'Observation').length, 8);
});
await step('validate', async () => {
  const resource = { ...patient(), gender: 'unheard-of' };
  const outcome = await client.execute({ operation: '$validate', resourceType: 'Patient', parameters: { resourceType: 'Parameters', parameter: [{ name: 'resource', resource }] } });
  assert.ok(outcome.issue.some((issue) => issue.severity === 'error' && issue.expression?.[0] === 'Patient.gender'));
});
await step('binary', async () => {
  const body = { resourceType: 'Binary', contentType: 'text/plain', data: Buffer.from('temperature').toString('base64') };
  const { id } = await client.create(body);
  assert.equal((await client.read('Binary', id)).data, body.data);
});
