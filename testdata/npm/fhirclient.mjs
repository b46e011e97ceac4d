import assert from 'node:assert/strict';
import fhirclient from 'fhirclient';
import { base, bundle, observation, patient, step, token } from './steps.mjs';

const { default: FHIR = fhirclient } = fhirclient;
const client = FHIR({ headers: {}, url: '/' }, {}).client({ serverUrl: base, tokenResponse: { access_token: token } });
const json = { 'content-type': 'application/fhir+json' };
let ada;

await step('crud', async () => {
  ada = await client.create(patient());
  const updated = await client.update({ ...ada, birthDate: '1971-02-03' });
  assert.equal(updated.meta.versionId, '2');
  assert.equal((await client.request(`Patient/${ada.id}`)).birthDate, '1971-02-03');
  const gone = await client.create(patient());
  await client.delete(`Patient/${gone.id}`);
  await assert.rejects(client.request(`Patient/${gone.id}`), (e) => e.status === 410 || e.statusCode === 410);
});
await step('patch', async () => {
  const patched = await client.patch(`Patient/${ada.id}`, [{ op: 'replace', path: '/birthDate', value: '1972-03-04' }]);
  assert.equal(patched.birthDate, '1972-03-04');
});
await step('history', async () => {
  assert.equal((await client.request(`Patient/${ada.id}/_history`)).total, 3);
});
await step('search', async () => {
  for (let i = 0; i < 7; i += 1) {
    await client.create(observation(ada.id, 60 + i));
  }
  const all = await client.request(`Observation?patient=${ada.id}&_count=3`, { pageLimit: 0, flat: true });
  assert.equal(new Set(all.map((one) => one.id)).size, 7);
  const led = await client.request(`Observation?patient=${ada.id}`, { resolveReferences: 'subject', flat: true });
  assert.equal(led[0].subject.id, ada.id);
});
await step('batch', async () => {
  const body = JSON.stringify(bundle('batch', ['GET', `Patient/${ada.id}`], ['GET', 'Patient/absent']));
  const answer = await client.request({ url: '/', method: 'POST', body, headers: json });
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['200', '404']);
});
await step('transaction', async () => {
  const body = JSON.stringify(bundle('transaction', ['POST', 'Patient', patient()], ['POST', 'Observation', observation(ada.id, 70)]));
  const answer = await client.request({ url: '/', method: 'POST', body, headers: json });
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['201', '201']);
});
await step('everything', async () => {
  const all = await client.request(`Patient/${ada.id}/$everything`, { flat: true, pageLimit: 0 });
  assert.equal(all.filter((one) => one.resourceType === 'Observation').length, 8);
});
