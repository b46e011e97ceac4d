'use strict';
// A SMART app in plain JavaScript: discovery, authorization code with PKCE, one patient.
// Its state and its token are in sessionStorage, for this tab only.

const at = (id) => document.getElementById(id);
const say = (text) => { at('status').textContent = text; };
const text64 = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const random = () => text64(crypto.getRandomValues(new Uint8Array(32)));
const home = () => `${location.origin}/`;

async function json(url, options) {
  const answer = await fetch(url, options);
  if (!answer.ok) throw new Error(`${answer.status} from ${new URL(url, location).pathname}`);
  return answer.json();
}

// begin sends the browser to where the user decides.
async function begin(launch) {
  const config = await json('/config.json');
  const smart = await json(`${config.base}/.well-known/smart-configuration`);
  const asked = { verifier: random(), state: random(), token: smart.token_endpoint, issuer: smart.issuer };
  sessionStorage.setItem('asked', JSON.stringify(asked));
  const challenge = text64(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(asked.verifier))));
  const scope = config.scope.split(' ').filter((s) => s !== (launch ? 'launch/patient' : 'launch')).join(' ');
  const query = new URLSearchParams({
    response_type: 'code', client_id: config.client, redirect_uri: home(), scope, state: asked.state, aud: config.base,
    code_challenge: challenge, code_challenge_method: 'S256', ...(launch ? { launch } : {}),
  });
  location.assign(`${smart.authorization_endpoint}?${query}`);
}

// finish turns the code into a token. What came back must be for this tab, from that server.
async function finish(query) {
  const asked = JSON.parse(sessionStorage.getItem('asked') || 'null');
  sessionStorage.removeItem('asked');
  history.replaceState(null, '', '/');
  if (!asked || query.get('state') !== asked.state || query.get('iss') !== asked.issuer) throw new Error('this answer is not for this tab');
  if (query.get('error')) throw new Error(query.get('error_description') || query.get('error'));
  const config = await json('/config.json');
  const token = await json(asked.token, {
    method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'authorization_code', code: query.get('code'), redirect_uri: home(), client_id: config.client, code_verifier: asked.verifier }),
  });
  sessionStorage.setItem('token', JSON.stringify(token));
}

const nameOf = (patient) => ((patient.name || [])[0] || {});
const quantity = (one) => (one.valueQuantity ? `${one.valueQuantity.value} ${one.valueQuantity.unit || ''}` : '');

function row(one) {
  const line = document.createElement('tr');
  const cells = [(one.effectiveDateTime || '').slice(0, 10), (one.code || {}).text || '', quantity(one) || (one.component || []).map(quantity).join(' / ')];
  for (const text of cells) line.append(Object.assign(document.createElement('td'), { textContent: text }));
  return line;
}

// show reads what the token allows.
async function show(token) {
  const config = await json('/config.json');
  const read = (what) => json(`${config.base}/${what}`, { headers: { authorization: `Bearer ${token.access_token}`, accept: 'application/fhir+json' } });
  const patient = await read(`Patient/${token.patient}`);
  at('name').textContent = [...(nameOf(patient).given || []), nameOf(patient).family || ''].join(' ');
  const found = await read(`Observation?patient=${token.patient}&_sort=-date&_count=10`).catch((e) => ({ problem: e }));
  at('rows').replaceChildren(...(found.entry || []).map((e) => row(e.resource)));
  at('context').textContent = found.problem ? `You did not let this app see measurements (${found.problem.message}).` : `Allowed: ${token.scope}${token.encounter ? `; visit ${token.encounter}` : ''}`;
  at('data').hidden = false;
  say('Connected.');
}

async function start() {
  const query = new URLSearchParams(location.search);
  if (document.body.dataset.page === 'launch') {
    await begin(query.get('launch'));
    return;
  }
  if (query.has('state')) await finish(query);
  at('leave').addEventListener('click', () => { sessionStorage.clear(); location.assign('/'); });
  const token = JSON.parse(sessionStorage.getItem('token') || 'null');
  if (token) {
    await show(token);
    return;
  }
  say('Not connected yet.');
  at('ways').hidden = false;
  at('connect').addEventListener('click', () => begin().catch(failed));
}

function failed(e) {
  sessionStorage.clear();
  say(`That did not work: ${e.message}.`);
  if (at('ways')) { at('ways').hidden = false; at('connect').onclick = () => location.assign('/'); }
}

start().catch(failed);
