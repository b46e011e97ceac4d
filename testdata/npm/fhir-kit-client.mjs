import assert from 'node:assert/strict';
import { Client } from 'fhir-kit-client';
import { base, bundle, criterion, observation, patient, step, token } from './steps.mjs';

const client = new Client({ baseUrl: base, bearerToken: token });
const resourceType = 'Patient';
let ada;

await step('crud', async () => {
  ada = await client.create({ resourceType, body: patient() });
  ada.birthDate = '1971-02-03';
  const updated = await client.update({ resourceType, id: ada.id, body: ada });
  assert.equal(updated.meta.versionId, '2');
  assert.equal((await client.read({ resourceType, id: ada.id })).birthDate, '1971-02-03');
  assert.equal((await client.vread({ resourceType, id: ada.id, version: '1' })).birthDate, '1970-01-01');
  const gone = await client.create({ resourceType, body: patient() });
  await client.delete({ resourceType, id: gone.id });
  await assert.rejects(client.read({ resourceType, id: gone.id }), (e) => e.response.status === 410);
});
await step('patch', async () => {
  const jsonPatch = [{ op: 'replace', path: '/birthDate', value: '1972-03-04' }];
  const patched = await client.patch({ resourceType, id: ada.id, jsonPatch });
  assert.equal(patched.birthDate, '1972-03-04');
});
await step('history', async () => {
  assert.equal((await client.resourceHistory({ resourceType, id: ada.id })).total, 3);
  assert.ok((await client.typeHistory({ resourceType })).entry.length > 3);
  assert.ok((await client.systemHistory()).entry.length > 3);
});
await step('search', async () => {
  for (let i = 0; i < 7; i += 1) {
    await client.create({ resourceType: 'Observation', body: observation(ada.id, 60 + i) });
  }
  let page = await client.resourceSearch({ resourceType: 'Observation', searchParams: { patient: ada.id, _count: 3, _sort: '-_lastUpdated' } });
  const seen = new Set();
  while (page) {
    page.entry.forEach((entry) => seen.add(entry.resource.id));
    page = await client.nextPage({ bundle: page });
  }
  assert.equal(seen.size, 7);
  const compartment = { resourceType, id: ada.id };
  assert.equal((await client.compartmentSearch({ resourceType: 'Observation', compartment })).entry.length, 7);
  assert.ok((await client.systemSearch({ searchParams: { _id: ada.id } })).entry.length === 1);
});
await step('batch', async () => {
  const answer = await client.batch({ body: bundle('batch', ['GET', `Patient/${ada.id}`], ['GET', 'Patient/absent']) });
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['200', '404']);
});
await step('transaction', async () => {
  const answer = await client.transaction({ body: bundle('transaction', ['POST', 'Patient', patient()], ['POST', 'Observation', observation(ada.id, 70)]) });
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['201', '201']);
});
await step('conditional', async () => {
  const body = patient();
  const identifier = criterion(body);
  const created = await client.update({ resourceType, searchParams: { identifier }, body });
  const again = await client.update({ resourceType, searchParams: { identifier }, body: { ...body, gender: 'female' } });
  assert.equal(again.id, created.id);
  assert.equal(again.gender, 'female');
});
await step('everything', async () => {
  const all = await client.operation({ name: '$everything', resourceType, id: ada.id, method: 'GET' });
  assert.equal(all.entry.filter((entry) => entry.resource.resourceType === 'Observation').length, 8);
});
await step('validate', async () => {
  const outcome = await client.operation({ name: '$validate', resourceType, input: { ...patient(), gender: 'unheard-of' } });
  assert.ok(outcome.issue.some((issue) => issue.severity === 'error' && issue.expression?.[0] === 'Patient.gender'));
});
await step('binary', async () => {
  const body = { resourceType: 'Binary', contentType: 'text/plain', data: Buffer.from('temperature').toString('base64') };
  const { id } = await client.create({ resourceType: 'Binary', body });
  assert.equal((await client.read({ resourceType: 'Binary', id })).data, body.data);
});
