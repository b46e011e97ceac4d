import assert from 'node:assert/strict';
import fhir from 'fhir.js';
import { base, bundle, criterion, observation, patient, step, token } from './steps.mjs';

const client = fhir({ baseUrl: base, auth: { bearer: token } });
const type = 'Patient';
let ada;

await step('crud', async () => {
  ada = (await client.create({ resource: patient() })).data;
  ada.birthDate = '1971-02-03';
  assert.equal((await client.update({ resource: ada })).data.meta.versionId, '2');
  assert.equal((await client.read({ type, id: ada.id })).data.birthDate, '1971-02-03');
  const gone = (await client.create({ resource: patient() })).data;
  await client.delete({ type, id: gone.id });
  await assert.rejects(client.read({ type, id: gone.id }), (e) => e.status === 410);
});
await step('patch', async () => {
  const data = [{ op: 'replace', path: '/birthDate', value: '1972-03-04' }];
  assert.equal((await client.patch({ type, id: ada.id, data: JSON.stringify(data) })).status, 200);
  assert.equal((await client.read({ type, id: ada.id })).data.birthDate, '1972-03-04');
});
await step('history', async () => {
  assert.equal((await client.resourceHistory({ type, id: ada.id })).data.total, 3);
  assert.ok((await client.typeHistory({ type })).data.entry.length > 3);
  assert.ok((await client.history({})).data.entry.length > 3);
});
await step('search', async () => {
  for (let i = 0; i < 7; i += 1) {
    await client.create({ resource: observation(ada.id, 60 + i) });
  }
  const seen = new Set();
  let page = (await client.search({ type: 'Observation', query: { patient: ada.id, _count: 3 } })).data;
  for (;;) {
    page.entry.forEach((entry) => seen.add(entry.resource.id));
    if (!page.link.some((link) => link.relation === 'next')) {
      break;
    }
    page = (await client.nextPage({ bundle: page })).data;
  }
  assert.equal(seen.size, 7);
  const born = (await client.search({ type, query: { birthdate: { $gt: '1971-12-31', $lt: '1973' } } })).data;
  assert.deepEqual(born.entry.map((entry) => entry.resource.id), [ada.id]);
});
await step('batch', async () => {
  const answer = (await client.transaction({ data: bundle('batch', ['GET', `Patient/${ada.id}`], ['GET', 'Patient/absent']) })).data;
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['200', '404']);
});
await step('transaction', async () => {
  const body = bundle('transaction', ['POST', 'Patient', patient()], ['POST', 'Observation', observation(ada.id, 70)]);
  const answer = (await client.transaction({ data: body })).data;
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['201', '201']);
});
await step('conditional', async () => {
  const resource = patient();
  const query = { identifier: criterion(resource) };
  const { id } = (await client.conditionalUpdate({ type, query, resource })).data;
  const again = (await client.conditionalUpdate({ type, query, resource: { ...resource, gender: 'female' } })).data;
  assert.deepEqual([again.id, again.gender], [id, 'female']);
  await client.conditionalDelete({ type, query });
  await assert.rejects(client.read({ type, id }), (e) => e.status === 410);
});
await step('meta', async () => {
  const tag = { system: 'urn:example:tag', code: 'seen' };
  const meta = (of) => of.data.parameter[0].valueMeta;
  const data = { resourceType: 'Parameters', parameter: [{ name: 'meta', valueMeta: { tag: [tag] } }] };
  const target = { resourceType: type, id: ada.id };
  await client.meta.add({ target, data: JSON.stringify(data) });
  assert.deepEqual(meta(await client.meta.read({ target })).tag, [tag]);
  await client.meta.delete({ target, data: JSON.stringify(data) });
  assert.equal(meta(await client.meta.read({ target })).tag, undefined);
});
await step('binary', async () => {
  const resource = { resourceType: 'Binary', contentType: 'text/plain', data: Buffer.from('temperature').toString('base64') };
  const { id } = (await client.create({ resource })).data;
  assert.equal((await client.getBundleByUrl({ url: `${base}/Binary/${id}?_format=json` })).data.data, resource.data);
});
