-- Sends every study that has come to rest to the modality "dicomnode".
--
-- The results that come back make their study stable again. So the number of instances that are not results
-- is kept with the study, and the study is sent again only when that number has changed.

local NODE = 'dicomnode'
local SENT = '4711' -- user-defined metadata: instances of the study when it was last sent

local function countInstances(studyId)
  local count = 0
  for _, seriesId in pairs(ParseJson(RestApiGet('/studies/' .. studyId))['Series']) do
    local series = ParseJson(RestApiGet('/series/' .. seriesId))
    if series['MainDicomTags']['Manufacturer'] ~= 'dicomnode' then
      count = count + #series['Instances']
    end
  end
  return count
end

function OnStableStudy(studyId, tags, metadata)
  local count = countInstances(studyId)
  if count == 0 or tostring(count) == metadata[SENT] then
    return
  end
  RestApiPut('/studies/' .. studyId .. '/metadata/' .. SENT, tostring(count), false)
  -- SendToModality fails in this callback in Orthanc 1.10; the REST call queues a job instead of waiting.
  local order = { Resources = { studyId }, Synchronous = false }
  RestApiPost('/modalities/' .. NODE .. '/store', DumpJson(order), false)
end
