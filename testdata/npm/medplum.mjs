import assert from 'node:assert/strict';
import { MedplumClient } from '@medplum/core';
import { base, bundle, criterion, observation, patient, step, token } from './steps.mjs';

const client = new MedplumClient({ baseUrl: new URL(base).origin, fhirUrlPath: 'fhir', accessToken: token, cacheTime: 0, fetch });
let ada;

await step('crud', async () => {
  ada = await client.createResource(patient());
  const updated = await client.updateResource({ ...ada, birthDate: '1971-02-03' });
  assert.equal(updated.meta.versionId, '2');
  assert.equal((await client.readResource('Patient', ada.id)).birthDate, '1971-02-03');
  assert.equal((await client.readVersion('Patient', ada.id, '1')).birthDate, '1970-01-01');
  const gone = await client.createResource(patient());
  await client.deleteResource('Patient', gone.id);
  await assert.rejects(client.readResource('Patient', gone.id, { cache: 'reload' }), (e) => e.outcome?.resourceType === 'OperationOutcome');
});
await step('patch', async () => {
  const patched = await client.patchResource('Patient', ada.id, [{ op: 'replace', path: '/birthDate', value: '1972-03-04' }]);
  assert.equal(patched.birthDate, '1972-03-04');
});
await step('history', async () => {
  assert.equal((await client.readHistory('Patient', ada.id)).total, 3);
});
await step('search', async () => {
  for (let i = 0; i < 7; i += 1) {
    await client.createResource(observation(ada.id, 60 + i));
  }
  const seen = new Set();
  for await (const page of client.searchResourcePages('Observation', { patient: ada.id, _count: 3, _sort: '-_lastUpdated' })) {
    page.forEach((one) => seen.add(one.id));
  }
  assert.equal(seen.size, 7);
  assert.equal((await client.searchOne('Patient', `_id=${ada.id}`)).id, ada.id);
});
await step('batch', async () => {
  const answer = await client.executeBatch(bundle('batch', ['GET', `Patient/${ada.id}`], ['GET', 'Patient/absent']));
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['200', '404']);
});
await step('transaction', async () => {
  const answer = await client.executeBatch(bundle('transaction', ['POST', 'Patient', patient()], ['POST', 'Observation', observation(ada.id, 70)]));
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['201', '201']);
});
await step('conditional', async () => {
  const body = patient();
  const query = `identifier=${criterion(body)}`;
  const created = await client.createResourceIfNoneExist(body, query);
  assert.equal((await client.createResourceIfNoneExist(body, query)).id, created.id);
  assert.equal((await client.upsertResource({ ...body, gender: 'female' }, query)).id, created.id);
});
await step('everything', async () => {
  const all = await client.readPatientEverything(ada.id);
  assert.equal(all.entry.filter((entry) => entry.resource.resourceType === 'Observation').length, 8);
});
await step('validate', async () => {
  const wrong = { ...patient(), gender: 'unheard-of' };
  const issues = (outcome) => outcome.issue.some((issue) => issue.severity === 'error' && issue.expression?.[0] === 'Patient.gender');
  await client.validateResource(wrong).then((outcome) => assert.ok(issues(outcome)), (error) => assert.ok(issues(error.outcome), error));
});
await step('binary', async () => {
  const { url, id } = await client.createBinary({ data: 'temperature', contentType: 'text/plain' });
  assert.equal(await (await client.download(url ?? client.fhirUrl('Binary', id))).text(), 'temperature');
});
